package dev.warpwright.cuda;

import dev.warpwright.cuda.attention.AttentionCuda;
import dev.warpwright.cuda.moe.MoeCuda;
import dev.warpwright.cuda.reduce.ReduceCuda;
import dev.warpwright.cuda.runtime.CuBlas;
import dev.warpwright.cuda.runtime.CudaDevice;
import dev.warpwright.cuda.runtime.CudaFunction;
import dev.warpwright.cuda.runtime.CudaGraph;
import dev.warpwright.cuda.runtime.CudaStream;
import dev.warpwright.cuda.runtime.DeviceBuffer;
import dev.warpwright.cuda.runtime.DeviceLimits;
import dev.warpwright.cuda.runtime.KernelArguments;
import dev.warpwright.cuda.runtime.LaunchGrid;
import dev.warpwright.cuda.sparse.SparseCuda;
import dev.warpwright.kernels.Checks;
import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.DeviceException;
import dev.warpwright.kernels.DeviceTensor;
import dev.warpwright.kernels.HostMemory;
import dev.warpwright.kernels.KernelDevice;
import dev.warpwright.kernels.KernelId;
import dev.warpwright.kernels.KernelSpec;
import dev.warpwright.kernels.Memory;
import dev.warpwright.kernels.Support;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.VendorLibrary;
import java.lang.foreign.MemorySegment;
import java.util.LinkedHashSet;
import java.util.Set;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * An open CUDA device. All plans enqueue on one stream, so what one writes the next may read; runs
 * of several threads take turns.
 */
public final class CudaKernelDevice implements KernelDevice {
  private final CudaDevice device;
  private final CudaStream stream;
  private final Staging staging;
  private final Complaints complaints;
  private final VendorBlas blas;
  private final CudaRun run;
  private final ReentrantLock turn = new ReentrantLock();

  /** Kernels enqueued since the last time that all were known to have succeeded. */
  private final Set<String> unconfirmed = new LinkedHashSet<>();

  private final AttentionCuda attention = new AttentionCuda(this);
  private final SparseCuda sparse = new SparseCuda(this);
  private final MoeCuda moe = new MoeCuda(this);
  private final ReduceCuda reduce = new ReduceCuda(this);
  private volatile boolean open = true;

  private CudaKernelDevice(
      CudaDevice device,
      CudaStream stream,
      Staging staging,
      Complaints complaints,
      VendorBlas blas) {
    this.device = device;
    this.stream = stream;
    this.staging = staging;
    this.complaints = complaints;
    this.blas = blas;
    this.run = new CudaRun(this, staging, complaints);
  }

  static CudaKernelDevice open(int ordinal, VendorLibrary vendorLibrary) {
    CudaDevice device = CudaDevice.open(ordinal);
    CudaStream stream = null;
    Staging staging = null;
    VendorBlas blas = null;
    try {
      stream = device.newStream();
      staging = new Staging(device, stream);
      blas = VendorBlas.open(vendorLibrary, stream);
      return new CudaKernelDevice(
          device, stream, staging, new Complaints(device, stream, staging), blas);
    } catch (RuntimeException e) {
      Resources.close(blas, staging, stream, device);
      throw e;
    }
  }

  @Override
  public String provider() {
    return CudaProvider.ID;
  }

  @Override
  public String place() {
    return "cuda:" + device.ordinal();
  }

  @Override
  public String name() {
    return device.name() + blas.description();
  }

  @Override
  public boolean isOpen() {
    return open;
  }

  /** Refuses use of a closed device. */
  public void requireOpen() {
    if (!open) {
      throw new IllegalStateException("device " + place() + " is closed");
    }
  }

  /** What kernels may ask for. */
  public DeviceLimits limits() {
    return device.limits();
  }

  /** cuBLAS, if it was asked for and is there. Its products are enqueued by {@link CudaRun}. */
  public @Nullable CuBlas blas() {
    return blas.library();
  }

  /** Whether cuBLAS does all dense products, or they are refused. */
  public boolean requiresBlas() {
    return blas.use() == VendorLibrary.REQUIRED;
  }

  /**
   * A kernel of {@code stem.cu}, loaded on first use.
   *
   * @param stem path of the source without its ending, for example {@code attention/rms_norm}
   * @param kernel name of the kernel in it
   */
  public CudaFunction function(String stem, String kernel) {
    return device.module(CompiledKernels.images(stem)).function(kernel);
  }

  /**
   * Device memory with undefined contents that belongs to a plan, a pool or prepared weights, which
   * account for it.
   *
   * @param bytes size, at least 1
   * @param holder who holds it, for {@link dev.warpwright.kernels.OutOfDeviceMemoryException}
   */
  public DeviceBuffer workspace(long bytes, String holder) {
    return device.allocatePart(bytes, holder);
  }

  /**
   * The workspace of a plan, null if it needs none.
   *
   * @param bytes size
   * @param zeros bytes at its beginning that are zero, for counters that kernels leave as they find
   *     them; the rest is undefined
   * @param kernel whose plan it is
   */
  public @Nullable DeviceBuffer workspace(long bytes, long zeros, KernelId kernel) {
    if (bytes == 0) {
      return null;
    }
    DeviceBuffer workspace = workspace(bytes, "a plan of " + kernel.stem());
    turn.lock();
    try {
      workspace.fill(0, zeros, (byte) 0, stream);
      return workspace;
    } catch (RuntimeException e) {
      workspace.close();
      throw e;
    } finally {
      turn.unlock();
    }
  }

  /**
   * Makes room for the host tensors of a run. Called when a plan is made; the room stays until the
   * device is closed and is shared by all plans.
   *
   * @param bytes sum of {@link CudaRun#staged} of the tensors of a run, at most
   */
  public void reserve(long bytes) {
    turn.lock();
    try {
      staging.reserve(bytes);
    } finally {
      turn.unlock();
    }
  }

  /** Takes the stream for a run. */
  public CudaRun begin() {
    turn.lock();
    run.begin();
    return run;
  }

  void unlock() {
    turn.unlock();
  }

  void launch(CudaFunction kernel, LaunchGrid grid, KernelArguments arguments) {
    unconfirmed.add(kernel.name());
    stream.launch(kernel, grid, arguments);
  }

  void enqueue(String kernel, Runnable work) {
    unconfirmed.add(kernel);
    work.run();
  }

  /** Enqueues a fill of all of a buffer. */
  public void fill(DeviceBuffer buffer, byte value) {
    turn.lock();
    try {
      buffer.fill(0, buffer.bytes(), value, stream);
    } finally {
      turn.unlock();
    }
  }

  void zero(Tensor output) {
    ((DeviceBuffer) output.memory()).fill(output.byteOffset(), output.bytes(), (byte) 0, stream);
  }

  /** Does something that waits for the stream; an error names the kernels that may have made it. */
  void await(Runnable wait) {
    try {
      wait.run();
    } catch (DeviceException e) {
      throw e.kernel().isEmpty() && !unconfirmed.isEmpty()
          ? new DeviceException(e.code(), e.call(), String.join(" or ", unconfirmed), e.sticky())
          : e;
    } finally {
      unconfirmed.clear();
    }
  }

  @Override
  public void synchronize() {
    requireOpen();
    turn.lock();
    try {
      await(
          () -> {
            stream.synchronise();
            complaints.check();
          });
    } finally {
      turn.unlock();
    }
  }

  /**
   * Captures the runs that {@code work} makes in a CUDA graph. Nothing is executed. All tensors
   * must be of the device: a host tensor is refused. What comes from the host by value, the weights
   * of a tree reduction and which of its rows are there, is that of the capture.
   *
   * @param work runs plans
   * @throws IllegalStateException if a run needs the host
   */
  public CapturedRuns capture(Runnable work) {
    requireOpen();
    turn.lock();
    staging.refuse(true);
    try {
      return new CapturedRuns(this, stream.capture(work));
    } finally {
      staging.refuse(false);
      turn.unlock();
    }
  }

  void enqueue(CudaGraph graph) {
    requireOpen();
    turn.lock();
    try {
      complaints.address(true); // a captured kernel may note something
      unconfirmed.add("a captured graph");
      stream.launch(graph);
    } finally {
      turn.unlock();
    }
  }

  @Override
  public boolean canAccess(Memory memory) {
    return memory instanceof HostMemory
        || (memory instanceof DeviceBuffer buffer && buffer.device() == device);
  }

  @Override
  public DeviceTensor allocate(DType dtype, long... shape) {
    requireOpen();
    return CudaTensor.allocate(device, stream, dtype, shape);
  }

  @Override
  public void copy(Tensor from, Tensor to) {
    requireOpen();
    Checks.copy(this, from, to);
    long bytes = from.bytes();
    if (bytes == 0) {
      return;
    }
    turn.lock();
    try {
      staging.restart();
      if (from.isHost() && to.isHost()) {
        to.segment().copyFrom(from.segment());
      } else if (from.isHost()) {
        staging.copy(from.segment(), (DeviceBuffer) to.memory(), to.byteOffset());
      } else if (to.isHost()) {
        await(
            () -> {
              staging.copy((DeviceBuffer) from.memory(), from.byteOffset(), to.segment());
              complaints.check();
            });
      } else {
        ((DeviceBuffer) to.memory())
            .copyFrom(
                to.byteOffset(), (DeviceBuffer) from.memory(), from.byteOffset(), bytes, stream);
      }
    } finally {
      turn.unlock();
    }
  }

  /** Copies host memory into weights or a workspace, and has read it when the call returns. */
  public void copy(MemorySegment from, DeviceBuffer to, long offset) {
    requireOpen();
    turn.lock();
    try {
      staging.restart();
      staging.copy(from, to, offset);
    } finally {
      turn.unlock();
    }
  }

  @Override
  public Support support(KernelSpec spec) {
    return switch (spec.kernel().family()) {
      case ATTENTION -> attention.support(spec);
      case SPARSE -> sparse.support(spec);
      case MOE -> moe.support(spec);
      case REDUCE -> reduce.support(spec);
    };
  }

  @Override
  public AttentionCuda attention() {
    return attention;
  }

  @Override
  public SparseCuda sparse() {
    return sparse;
  }

  @Override
  public MoeCuda moe() {
    return moe;
  }

  @Override
  public ReduceCuda reduce() {
    return reduce;
  }

  @Override
  public void close() {
    turn.lock();
    try {
      open = false;
      Resources.close(blas, complaints, staging, stream, device);
    } finally {
      turn.unlock();
    }
  }
}
