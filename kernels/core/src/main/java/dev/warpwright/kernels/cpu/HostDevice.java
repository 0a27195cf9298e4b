package dev.warpwright.kernels.cpu;

import dev.warpwright.kernels.Checks;
import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.DeviceTensor;
import dev.warpwright.kernels.HostMemory;
import dev.warpwright.kernels.HostTensor;
import dev.warpwright.kernels.KernelDevice;
import dev.warpwright.kernels.KernelSpec;
import dev.warpwright.kernels.LeakDetector;
import dev.warpwright.kernels.Memory;
import dev.warpwright.kernels.Support;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.WorkerPool;

/**
 * A device whose memory is the host's and whose plans run on a pool of threads before their call
 * returns.
 */
public abstract class HostDevice implements KernelDevice {
  private final String provider;
  private final boolean nativeKernels;
  private final WorkerPool pool;
  private final LeakDetector.Registration registration;
  private volatile boolean open = true;

  /**
   * A device of {@code provider} with {@code threads} threads.
   *
   * @param nativeKernels whether C kernels are used where there are any
   */
  @SuppressWarnings("this-escape") // the registration keeps only a weak reference
  protected HostDevice(String provider, int threads, boolean nativeKernels) {
    this.provider = provider;
    this.nativeKernels = nativeKernels;
    this.pool = new WorkerPool(threads);
    this.registration = LeakDetector.register(this, "device " + provider, 0);
  }

  /** The threads that plans of this device share. */
  public final WorkerPool pool() {
    return pool;
  }

  /** Whether the kernels of {@link NativeLibrary} are used where there are any. */
  public final boolean nativeKernels() {
    return nativeKernels;
  }

  /** The family that offers kernels of {@code spec}. */
  protected abstract HostFamily family(KernelSpec spec);

  @Override
  public final String provider() {
    return provider;
  }

  @Override
  public final String place() {
    return provider + ":0";
  }

  @Override
  public final boolean isOpen() {
    return open;
  }

  /** Refuses use of a closed device. */
  public final void requireOpen() {
    if (!open) {
      throw new IllegalStateException("device " + place() + " is closed");
    }
  }

  @Override
  public final boolean canAccess(Memory memory) {
    return memory instanceof HostMemory;
  }

  @Override
  public final DeviceTensor allocate(DType dtype, long... shape) {
    requireOpen();
    return new HostTensor(dtype, shape);
  }

  @Override
  public final void copy(Tensor from, Tensor to) {
    requireOpen();
    Checks.copy(this, from, to);
    to.segment().copyFrom(from.segment());
  }

  @Override
  public final void synchronize() {
    requireOpen();
  }

  @Override
  public final Support support(KernelSpec spec) {
    return family(spec).support(spec);
  }

  @Override
  public final void close() {
    open = false;
    registration.close();
    pool.close();
  }
}
