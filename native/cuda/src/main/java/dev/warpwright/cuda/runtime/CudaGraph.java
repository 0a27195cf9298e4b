package dev.warpwright.cuda.runtime;

import dev.warpwright.kernels.LeakDetector;
import dev.warpwright.kernels.Resource;
import jcuda.driver.CUgraph;
import jcuda.driver.CUgraphExec;
import jcuda.driver.CUstreamCaptureMode;
import jcuda.driver.JCudaDriver;

/**
 * Work of a stream that was captured once and is launched as a whole, as often as one likes. The
 * arguments of its kernels and the addresses of its copies are those of the capture; what the
 * memory holds is read at each launch. The memory must outlive the graph.
 */
public final class CudaGraph implements Resource {
  private final CudaDevice device;
  private final CUgraphExec executable;
  private final LeakDetector.Registration registration;
  private boolean closed;

  private CudaGraph(CudaDevice device, CUgraphExec executable) {
    this.device = device;
    this.executable = executable;
    registration = LeakDetector.register(this, "CUDA graph", 0);
  }

  /** See {@link CudaStream#capture}. */
  static CudaGraph capture(CudaDevice device, CudaStream stream, Runnable work) {
    device.makeCurrent();
    device.check(
        JCudaDriver.cuStreamBeginCapture(
            stream.handle(), CUstreamCaptureMode.CU_STREAM_CAPTURE_MODE_THREAD_LOCAL),
        "cuStreamBeginCapture");
    CUgraph graph = new CUgraph();
    try {
      work.run();
    } catch (Throwable e) {
      // The stream must be usable again; that the capture is broken too is no news.
      if (JCudaDriver.cuStreamEndCapture(stream.handle(), graph) == 0) {
        JCudaDriver.cuGraphDestroy(graph);
      }
      throw e;
    }
    device.check(JCudaDriver.cuStreamEndCapture(stream.handle(), graph), "cuStreamEndCapture");
    try {
      CUgraphExec executable = new CUgraphExec();
      device.check(JCudaDriver.cuGraphInstantiate(executable, graph, 0), "cuGraphInstantiate");
      return new CudaGraph(device, executable);
    } finally {
      JCudaDriver.cuGraphDestroy(graph);
    }
  }

  synchronized CUgraphExec handle() {
    if (closed) {
      throw new IllegalStateException("the CUDA graph is closed");
    }
    return executable;
  }

  /** Gives the graph back; launches that are enqueued run all the same. Idempotent. */
  @Override
  public synchronized void close() {
    if (closed) {
      return;
    }
    closed = true;
    registration.close();
    if (device.isUsable()) {
      device.makeCurrent();
      device.check(JCudaDriver.cuGraphExecDestroy(executable), "cuGraphExecDestroy");
    }
  }
}
