package dev.warpwright.cuda.runtime;

import dev.warpwright.kernels.LeakDetector;
import dev.warpwright.kernels.Resource;
import jcuda.driver.CUresult;
import jcuda.driver.CUstream;
import jcuda.driver.CUstream_flags;
import jcuda.driver.JCudaDriver;

/** A queue of work, executed in order and independently of the default stream. */
public final class CudaStream implements Resource {
  private final CudaDevice device;
  private final CUstream stream = new CUstream();
  private final LeakDetector.Registration registration;
  private boolean closed;

  CudaStream(CudaDevice device) {
    this.device = device;
    device.makeCurrent();
    device.check(
        JCudaDriver.cuStreamCreate(stream, CUstream_flags.CU_STREAM_NON_BLOCKING),
        "cuStreamCreate");
    registration = LeakDetector.register(this, "CUDA stream", 0);
  }

  /**
   * Enqueues a kernel. Arguments are copied before this returns.
   *
   * @param function the kernel
   * @param grid how many blocks, of how many threads, with how much dynamic shared memory
   * @param arguments its parameters in the order of its declaration
   */
  public void launch(CudaFunction function, LaunchGrid grid, KernelArguments arguments) {
    CudaLaunchEvent event = begin(function.name(), grid);
    device.makeCurrent();
    int result =
        JCudaDriver.cuLaunchKernel(
            function.handle(),
            grid.blocksX(),
            grid.blocksY(),
            grid.blocksZ(),
            grid.threadsX(),
            grid.threadsY(),
            grid.threadsZ(),
            grid.sharedBytes(),
            handle(),
            arguments.pointers(),
            null);
    event.commit();
    device.check(result, "cuLaunchKernel", function.name());
  }

  /**
   * Enqueues a kernel whose blocks may wait for each other: all of them run at the same time.
   *
   * @param function the kernel
   * @param grid at most as many blocks as are resident together, see {@link
   *     CudaFunction#residentBlocks}
   * @param arguments its parameters in the order of its declaration
   * @throws dev.warpwright.kernels.DeviceException with CUDA_ERROR_COOPERATIVE_LAUNCH_TOO_LARGE if
   *     there are more blocks
   */
  public void launchCooperative(CudaFunction function, LaunchGrid grid, KernelArguments arguments) {
    CudaLaunchEvent event = begin(function.name(), grid);
    device.makeCurrent();
    int result =
        JCudaDriver.cuLaunchCooperativeKernel(
            function.handle(),
            grid.blocksX(),
            grid.blocksY(),
            grid.blocksZ(),
            grid.threadsX(),
            grid.threadsY(),
            grid.threadsZ(),
            grid.sharedBytes(),
            handle(),
            arguments.pointers());
    event.commit();
    device.check(result, "cuLaunchCooperativeKernel", function.name());
  }

  private CudaLaunchEvent begin(String kernel, LaunchGrid grid) {
    CudaLaunchEvent event = new CudaLaunchEvent();
    event.kernel = kernel;
    event.device = device.ordinal();
    event.blocks = (long) grid.blocksX() * grid.blocksY() * grid.blocksZ();
    event.threads = grid.threadsX() * grid.threadsY() * grid.threadsZ();
    event.sharedBytes = grid.sharedBytes();
    event.begin();
    return event;
  }

  /**
   * Captures what {@code work} enqueues here, and in other streams that wait for events of this one
   * and for which this one waits in the end. Nothing is executed. Meanwhile this thread must not
   * allocate, free, synchronise, or copy without a stream: that fails, and the capture with it.
   *
   * @param work enqueues what belongs to the graph
   */
  public CudaGraph capture(Runnable work) {
    return CudaGraph.capture(device, this, work);
  }

  /** Enqueues a graph. It waits for its previous launch, in whatever stream that was. */
  public void launch(CudaGraph graph) {
    CudaLaunchEvent event = new CudaLaunchEvent();
    event.kernel = "graph";
    event.device = device.ordinal();
    event.begin();
    device.makeCurrent();
    int result = JCudaDriver.cuGraphLaunch(graph.handle(), handle());
    event.commit();
    device.check(result, "cuGraphLaunch");
  }

  /** Makes all later work here wait for an event. */
  public void waitFor(CudaEvent event) {
    device.makeCurrent();
    device.check(JCudaDriver.cuStreamWaitEvent(handle(), event.handle(), 0), "cuStreamWaitEvent");
  }

  /** Whether all work is done. */
  public boolean isIdle() {
    device.makeCurrent();
    int result = JCudaDriver.cuStreamQuery(handle());
    if (result == CUresult.CUDA_ERROR_NOT_READY) {
      return false;
    }
    device.check(result, "cuStreamQuery");
    return true;
  }

  /** Waits for all work, and throws what went wrong in it. */
  public void synchronise() {
    device.makeCurrent();
    device.check(JCudaDriver.cuStreamSynchronize(handle()), "cuStreamSynchronize");
  }

  /** Device that the stream belongs to. */
  public CudaDevice device() {
    return device;
  }

  synchronized CUstream handle() {
    if (closed) {
      throw new IllegalStateException("the CUDA stream is closed");
    }
    return stream;
  }

  /** Gives the stream back; its work goes on. */
  @Override
  public synchronized void close() {
    if (closed) {
      return;
    }
    closed = true;
    registration.close();
    if (device.isUsable()) {
      device.makeCurrent();
      device.check(JCudaDriver.cuStreamDestroy(stream), "cuStreamDestroy");
    }
  }
}
