package dev.warpwright.testkit;

import dev.warpwright.kernels.KernelId;
import java.util.List;

/** What is tested of one kernel on every provider: a generator of cases that check themselves. */
public interface KernelContract {
  /** The kernel. */
  KernelId kernel();

  /**
   * Cases that are run always: one for each extreme (empty, one, odd tails, ties, everything masked
   * …).
   */
  List<? extends ContractCase> extremes();

  /**
   * Cases of options that a provider may lack: run where {@code support} says yes. The processor's
   * own kernels must take them all.
   */
  default List<? extends ContractCase> optional() {
    return List.of();
  }

  /**
   * Cases of a sweep over sizes and options such that every combination of any {@code strength} of
   * them is in some case. The processor's own kernels must take them all.
   */
  default List<? extends ContractCase> sweep(int strength) {
    return List.of();
  }

  /** A random case, drawn from the whole range of sizes and options that a test can afford. */
  ContractCase random(CaseRandom random);
}
