package dev.warpwright.cli;

import dev.warpwright.kernels.KernelDevice;
import dev.warpwright.kernels.Support;
import dev.warpwright.testkit.CaseRandom;
import dev.warpwright.testkit.ContractCase;
import dev.warpwright.testkit.ContractViolation;
import dev.warpwright.testkit.KernelContract;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/** Runs one kernel's contract on one device: the extremes, then random cases. */
final class KernelVerifier {
  private final KernelDevice reference;
  private final KernelDevice device;

  /**
   * A verifier.
   *
   * @param reference the scalar reference
   * @param device the device under test
   */
  KernelVerifier(KernelDevice reference, KernelDevice device) {
    this.reference = reference;
    this.device = device;
  }

  /**
   * The violation that ended a run.
   *
   * @param seed seed of the random case; null where an extreme failed
   * @param message what is wrong, with the case
   */
  record Violation(@Nullable Long seed, String message) {}

  /**
   * What came out for one kernel.
   *
   * @param passed cases that passed
   * @param worst largest error as a fraction of what is allowed
   * @param unsupported cases that the device does not support
   * @param reasons why not
   * @param violation the first violation, if any
   */
  record Result(
      int passed,
      double worst,
      int unsupported,
      Set<String> reasons,
      @Nullable Violation violation) {}

  /** Runs until the first violation; random case i has seed {@code seed + i}. */
  Result verify(KernelContract contract, long seed, int cases) {
    Tally tally = new Tally();
    for (ContractCase extreme : contract.extremes()) {
      if (!tally.run(extreme, null)) {
        return tally.result();
      }
    }
    for (ContractCase optional : contract.optional()) {
      if (!tally.run(optional, null)) {
        return tally.result();
      }
    }
    for (int i = 0; i < cases; i++) {
      if (!tally.run(contract.random(new CaseRandom(seed + i)), seed + i)) {
        break;
      }
    }
    return tally.result();
  }

  private final class Tally {
    private int passed;
    private double worst;
    private int unsupported;
    private final Set<String> reasons = new TreeSet<>();
    private @Nullable Violation violation;

    /** Whether to go on. */
    boolean run(ContractCase drawn, @Nullable Long seed) {
      Support support = device.support(drawn.spec());
      if (!support.supported()) {
        unsupported++;
        reasons.add(support.reason());
        return true;
      }
      try {
        worst = Math.max(worst, drawn.run(reference, device));
        passed++;
        return true;
      } catch (ContractViolation e) {
        violation = new Violation(seed, drawn + ": " + e.getMessage());
      } catch (RuntimeException e) {
        violation = new Violation(seed, drawn + ": " + e);
      }
      return false;
    }

    Result result() {
      return new Result(passed, worst, unsupported, reasons, violation);
    }
  }
}
