package dev.warpwright.bench;

import dev.warpwright.kernels.attention.KvPoolSpec;
import dev.warpwright.kernels.attention.PageTransferSpec;
import dev.warpwright.testkit.GatherPagesContract;
import dev.warpwright.testkit.KernelContract;

/** Copy of all pages of a sequence out of the pool. */
public class GatherPagesBenchmark extends PageTransferBenchmark {
  /** Called by JMH. */
  public GatherPagesBenchmark() {}

  @Override
  KernelContract contract() {
    return new GatherPagesContract();
  }

  @Override
  PageTransferSpec spec(KvPoolSpec pool, int pages) {
    return PageTransferSpec.gather(pool, pages);
  }
}
