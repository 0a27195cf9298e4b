package dev.warpwright.cuda;

import dev.warpwright.cuda.runtime.CudaGraph;
import dev.warpwright.kernels.Resource;

/**
 * Runs of plans that were captured once in a CUDA graph and are enqueued as a whole. Each time they
 * read what their tensors, weights and caches hold by then. Plans, tensors, weights and caches must
 * stay open, and plans of attention must not have been updated since.
 */
public final class CapturedRuns implements Resource {
  private final CudaKernelDevice device;
  private final CudaGraph graph;

  CapturedRuns(CudaKernelDevice device, CudaGraph graph) {
    this.device = device;
    this.graph = graph;
  }

  /** Enqueues all runs once more. */
  public void run() {
    device.enqueue(graph);
  }

  /** Gives the graph back; what is enqueued runs all the same. Idempotent. */
  @Override
  public void close() {
    graph.close();
  }
}
