package dev.warpwright.softgpu.sim;

import java.util.Set;

/**
 * How a launch is executed.
 *
 * @param seed selects the schedule of blocks, warps and divergent lanes
 * @param checks what is checked
 * @param instructionBudget warp instructions after which a launch counts as endless
 */
public record SimOptions(long seed, Set<Check> checks, long instructionBudget) {
  /** Copies the set. */
  public SimOptions {
    checks = Set.copyOf(checks);
    if (instructionBudget <= 0) {
      throw new IllegalArgumentException(
          "instructionBudget " + instructionBudget + " must be positive");
    }
  }

  /** All checks, seed 0 and a budget of 2^31 warp instructions. */
  public static SimOptions strict() {
    return new SimOptions(0, Check.all(), 1L << 31);
  }

  /**
   * The same with another schedule.
   *
   * @param newSeed the seed
   */
  public SimOptions withSeed(long newSeed) {
    return new SimOptions(newSeed, checks, instructionBudget);
  }
}
