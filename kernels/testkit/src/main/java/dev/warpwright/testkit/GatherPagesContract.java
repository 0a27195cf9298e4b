package dev.warpwright.testkit;

import dev.warpwright.kernels.KernelId;
import dev.warpwright.kernels.attention.PageTransferSpec.Direction;
import java.util.List;

/** Cases of copies of pages out of a pool. */
public final class GatherPagesContract implements KernelContract {
  /** Called by {@link Contracts}. */
  public GatherPagesContract() {}

  @Override
  public KernelId kernel() {
    return KernelId.GATHER_PAGES;
  }

  @Override
  public List<? extends ContractCase> extremes() {
    return PageTransferCase.extremes(Direction.GATHER);
  }

  @Override
  public List<? extends ContractCase> optional() {
    return PageTransferCase.optional(Direction.GATHER);
  }

  @Override
  public List<? extends ContractCase> sweep(int strength) {
    return PageTransferCase.sweep(Direction.GATHER, strength);
  }

  @Override
  public ContractCase random(CaseRandom random) {
    return PageTransferCase.random(Direction.GATHER, random);
  }
}
