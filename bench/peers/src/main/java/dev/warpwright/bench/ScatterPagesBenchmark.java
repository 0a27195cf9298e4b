package dev.warpwright.bench;

import dev.warpwright.kernels.attention.KvPoolSpec;
import dev.warpwright.kernels.attention.PageTransferSpec;
import dev.warpwright.testkit.KernelContract;
import dev.warpwright.testkit.ScatterPagesContract;

/** Copy of all pages of a sequence into the pool. */
public class ScatterPagesBenchmark extends PageTransferBenchmark {
  /** Called by JMH. */
  public ScatterPagesBenchmark() {}

  @Override
  KernelContract contract() {
    return new ScatterPagesContract();
  }

  @Override
  PageTransferSpec spec(KvPoolSpec pool, int pages) {
    return PageTransferSpec.scatter(pool, pages);
  }
}
