package dev.warpwright.testkit;

import dev.warpwright.kernels.KernelId;
import dev.warpwright.kernels.attention.PageTransferSpec.Direction;
import java.util.List;

/** Cases of copies of pages into a pool. */
public final class ScatterPagesContract implements KernelContract {
  /** Called by {@link Contracts}. */
  public ScatterPagesContract() {}

  @Override
  public KernelId kernel() {
    return KernelId.SCATTER_PAGES;
  }

  @Override
  public List<? extends ContractCase> extremes() {
    return PageTransferCase.extremes(Direction.SCATTER);
  }

  @Override
  public List<? extends ContractCase> optional() {
    return PageTransferCase.optional(Direction.SCATTER);
  }

  @Override
  public List<? extends ContractCase> sweep(int strength) {
    return PageTransferCase.sweep(Direction.SCATTER, strength);
  }

  @Override
  public ContractCase random(CaseRandom random) {
    return PageTransferCase.random(Direction.SCATTER, random);
  }
}
