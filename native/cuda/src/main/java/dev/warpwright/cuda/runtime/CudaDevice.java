package dev.warpwright.cuda.runtime;

import dev.warpwright.kernels.DeviceException;
import dev.warpwright.kernels.LeakDetector;
import dev.warpwright.kernels.OutOfDeviceMemoryException;
import dev.warpwright.kernels.Resource;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;
import jcuda.driver.CUcontext;
import jcuda.driver.CUdevice;
import jcuda.driver.CUresult;
import jcuda.driver.JCudaDriver;
import org.jspecify.annotations.Nullable;

/**
 * An open CUDA device: its primary context, and what was made from it. May be shared by threads.
 *
 * <p>An error after which the driver can do nothing more marks the device lost: that call and every
 * later one throw a sticky {@link DeviceException}. Close the device and what was made from it, and
 * open it again.
 */
public final class CudaDevice implements Resource {
  private final int ordinal;
  private final CUdevice device = new CUdevice();
  private final CUcontext context = new CUcontext();
  private final String name;
  private final long memoryBytes;
  private final DeviceLimits limits;
  private final MemoryHolders holders = new MemoryHolders();
  private final ConcurrentMap<String, CudaModule> modules = new ConcurrentHashMap<>();
  private final LeakDetector.Registration registration;

  private volatile @Nullable DeviceException loss;
  private volatile boolean closed;

  private CudaDevice(int ordinal) {
    this.ordinal = ordinal;
    check(JCudaDriver.cuDeviceGet(device, ordinal), "cuDeviceGet");
    byte[] text = new byte[256];
    check(JCudaDriver.cuDeviceGetName(text, text.length, device), "cuDeviceGetName");
    name = NativeText.of(text);
    long[] bytes = new long[1];
    check(JCudaDriver.cuDeviceTotalMem(bytes, device), "cuDeviceTotalMem");
    memoryBytes = bytes[0];
    limits = DeviceLimits.read(this);
    check(JCudaDriver.cuDevicePrimaryCtxRetain(context, device), "cuDevicePrimaryCtxRetain");
    registration = LeakDetector.register(this, "CUDA device " + ordinal, 0);
  }

  /**
   * Opens a device.
   *
   * @param ordinal its number as the driver counts
   * @throws dev.warpwright.kernels.ProviderUnavailableException with the reasons, if there is no
   *     such device
   * @throws DeviceException if the driver refuses
   */
  public static CudaDevice open(int ordinal) {
    CudaDriver.requireDevice(ordinal);
    return new CudaDevice(ordinal);
  }

  /** Number of the device as the driver counts. */
  public int ordinal() {
    return ordinal;
  }

  /** Name as the driver gives it. */
  public String name() {
    return name;
  }

  /** Device memory, used or not. */
  public long memoryBytes() {
    return memoryBytes;
  }

  /** What kernels may ask for. */
  public DeviceLimits limits() {
    return limits;
  }

  /** Device memory that is free, as the driver sees it. */
  public long freeBytes() {
    makeCurrent();
    long[] free = new long[1];
    long[] total = new long[1];
    check(JCudaDriver.cuMemGetInfo(free, total), "cuMemGetInfo");
    return free[0];
  }

  /** Whether an error has ended the device. */
  public boolean isLost() {
    return loss != null;
  }

  /** Whether the device is open and not lost. */
  public boolean isUsable() {
    return !closed && loss == null;
  }

  /** Waits for all work on the device, and throws what went wrong in it. */
  public void synchronise() {
    makeCurrent();
    check(JCudaDriver.cuCtxSynchronize(), "cuCtxSynchronize");
  }

  /** Whether kernels of this device can be allowed to use another one's memory. */
  public boolean canAccess(CudaDevice peer) {
    makeCurrent();
    int[] can = new int[1];
    check(JCudaDriver.cuDeviceCanAccessPeer(can, device, peer.device), "cuDeviceCanAccessPeer");
    return can[0] != 0;
  }

  /**
   * Lets kernels of this device use the memory of another one, what it allocates later included,
   * until {@link #disableAccess} or until one of the two is closed. The other device's kernels do
   * not get access to this one's memory by it. Copies need none of this.
   *
   * @param peer the device whose memory is used
   * @throws DeviceException with CUDA_ERROR_PEER_ACCESS_UNSUPPORTED unless {@link #canAccess}, with
   *     CUDA_ERROR_PEER_ACCESS_ALREADY_ENABLED if it is allowed already
   */
  public void enableAccess(CudaDevice peer) {
    peer.makeCurrent();
    makeCurrent();
    check(JCudaDriver.cuCtxEnablePeerAccess(peer.context, 0), "cuCtxEnablePeerAccess");
  }

  /**
   * Ends what {@link #enableAccess} began.
   *
   * @param peer the device whose memory was used
   * @throws DeviceException with CUDA_ERROR_PEER_ACCESS_NOT_ENABLED if it was not allowed
   */
  public void disableAccess(CudaDevice peer) {
    makeCurrent();
    check(JCudaDriver.cuCtxDisablePeerAccess(peer.context), "cuCtxDisablePeerAccess");
  }

  CUcontext context() {
    return context;
  }

  /** Makes a stream that runs independently of the default stream. */
  public CudaStream newStream() {
    return new CudaStream(this);
  }

  /** Makes an event that orders streams and can be timed. */
  public CudaEvent newEvent() {
    return new CudaEvent(this);
  }

  /**
   * Allocates device memory with undefined contents.
   *
   * @param bytes size, at least 1
   * @param holder who holds it, for leak reports and {@link OutOfDeviceMemoryException}
   */
  public DeviceBuffer allocate(long bytes, String holder) {
    return new DeviceBuffer(this, bytes, holder, bytes);
  }

  /**
   * The same for memory that is accounted for by what it is a part of: a plan, a pool, weights.
   *
   * @param bytes size, at least 1
   * @param holder what it is a part of
   */
  public DeviceBuffer allocatePart(long bytes, String holder) {
    return new DeviceBuffer(this, bytes, holder, 0);
  }

  /**
   * Allocates host memory that copies reach without the driver's staging.
   *
   * @param bytes size, at least 1
   * @param holder who holds it, for leak reports
   */
  public PinnedBuffer allocatePinned(long bytes, String holder) {
    return new PinnedBuffer(this, bytes, holder);
  }

  /**
   * The module with the best images for this device, loaded once.
   *
   * @param images where the images are
   * @throws ModuleException if there is no image for this device or the driver refuses it
   */
  public CudaModule module(KernelImages images) {
    makeCurrent();
    return modules.computeIfAbsent(images.key(), k -> CudaModule.load(this, images));
  }

  /**
   * Frees the modules and the primary context. What was made from the device is dead afterwards.
   */
  @Override
  public synchronized void close() {
    if (closed) {
      return;
    }
    closed = true;
    modules.clear();
    registration.close();
    // Destroys the context and all in it, unless somebody else in the process holds it too. After
    // a loss the driver may report the old error once more.
    JCudaDriver.cuDevicePrimaryCtxRelease(device);
  }

  int attribute(int attribute) {
    int[] value = new int[1];
    check(JCudaDriver.cuDeviceGetAttribute(value, attribute, device), "cuDeviceGetAttribute");
    return value[0];
  }

  MemoryHolders holders() {
    return holders;
  }

  /** Prepares the thread for calls; throws if the device cannot be used. */
  void makeCurrent() {
    if (closed) {
      throw new IllegalStateException("CUDA device " + ordinal + " is closed");
    }
    DeviceException lost = loss;
    if (lost != null) {
      throw new DeviceException(lost.code(), lost.call(), lost.kernel(), true);
    }
    check(JCudaDriver.cuCtxSetCurrent(context), "cuCtxSetCurrent");
  }

  void check(int result, String call) {
    check(result, call, "");
  }

  /** Throws unless a driver call has succeeded. */
  void check(int result, String call, String kernel) {
    if (result == CUresult.CUDA_SUCCESS) {
      return;
    }
    DeviceException exception =
        new DeviceException(Results.name(result), call, kernel, Results.losesDevice(result));
    if (exception.sticky() && loss == null) {
      loss = exception;
    }
    throw exception;
  }

  /** Throws unless an allocation has succeeded. */
  void checkAllocation(int result, String call, long asked) {
    if (result == CUresult.CUDA_ERROR_OUT_OF_MEMORY) {
      throw new OutOfDeviceMemoryException(
          "CUDA device " + ordinal, asked, freeBytes(), memoryBytes, holders.summary());
    }
    check(result, call);
  }

  @Override
  public String toString() {
    return "cuda:" + ordinal + " (" + name + ")";
  }
}
