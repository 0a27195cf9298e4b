package dev.warpwright.cuda.runtime;

import dev.warpwright.kernels.LeakDetector;
import dev.warpwright.kernels.Resource;
import jcuda.driver.CUevent;
import jcuda.driver.CUresult;
import jcuda.driver.JCudaDriver;

/** A point in a stream that others can wait for. */
public final class CudaEvent implements Resource {
  private final CudaDevice device;
  private final CUevent event = new CUevent();
  private final LeakDetector.Registration registration;
  private boolean closed;

  CudaEvent(CudaDevice device) {
    this.device = device;
    device.makeCurrent();
    device.check(JCudaDriver.cuEventCreate(event, 0), "cuEventCreate");
    registration = LeakDetector.register(this, "CUDA event", 0);
  }

  /** Puts the event behind all work that the stream has now. */
  public void record(CudaStream stream) {
    device.makeCurrent();
    device.check(JCudaDriver.cuEventRecord(handle(), stream.handle()), "cuEventRecord");
  }

  /** Whether the work before the event is done; true before the first {@link #record}. */
  public boolean isDone() {
    device.makeCurrent();
    int result = JCudaDriver.cuEventQuery(handle());
    if (result == CUresult.CUDA_ERROR_NOT_READY) {
      return false;
    }
    device.check(result, "cuEventQuery");
    return true;
  }

  /** Waits for the work before the event, and throws what went wrong in it. */
  public void synchronise() {
    device.makeCurrent();
    device.check(JCudaDriver.cuEventSynchronize(handle()), "cuEventSynchronize");
  }

  /** Time between two events that are done. */
  public float millisecondsSince(CudaEvent start) {
    device.makeCurrent();
    float[] milliseconds = new float[1];
    device.check(
        JCudaDriver.cuEventElapsedTime(milliseconds, start.handle(), handle()),
        "cuEventElapsedTime");
    return milliseconds[0];
  }

  synchronized CUevent handle() {
    if (closed) {
      throw new IllegalStateException("the CUDA event is closed");
    }
    return event;
  }

  @Override
  public synchronized void close() {
    if (closed) {
      return;
    }
    closed = true;
    registration.close();
    if (device.isUsable()) {
      device.makeCurrent();
      device.check(JCudaDriver.cuEventDestroy(event), "cuEventDestroy");
    }
  }
}
