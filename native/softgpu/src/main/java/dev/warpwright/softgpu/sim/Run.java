package dev.warpwright.softgpu.sim;

import java.util.HashMap;
import java.util.Map;
import java.util.function.Consumer;

/** What all blocks of a launch share. */
final class Run {
  final Launch launch;
  final Code code;
  final DeviceProfile profile;
  final DeviceMemory memory;
  final MemoryUnit unit;
  final Counters counters = new Counters();
  final boolean checkInitialised;
  final boolean checkRaces;
  final boolean checkSync;

  /** Distinguishes this launch's and its blocks' entries in shadows. */
  private static long generations;

  final long generation = nextGeneration();

  /** For instructions that read registers of all lanes before they write one. */
  final int[] lanes = new int[Warp.LANES];

  /** What kernels print. */
  final Consumer<String> output;

  /** Address of what the blocks of a cooperative launch meet at; 0 in other launches. */
  long gridWorkspace;

  final MatrixInstructions.Tiles tiles = new MatrixInstructions.Tiles();

  /** What atomics published, by address of the word; global memory. */
  final Map<Long, Knowledge> published = new HashMap<>();

  private final long budget;
  private long used;
  private long random;

  Run(
      Launch launch,
      Code code,
      DeviceProfile profile,
      DeviceMemory memory,
      SimOptions options,
      Consumer<String> output) {
    this.output = output;
    this.launch = launch;
    this.code = code;
    unit = new MemoryUnit(code);
    this.profile = profile;
    this.memory = memory;
    checkInitialised = options.checks().contains(Check.UNINITIALISED);
    checkRaces = options.checks().contains(Check.RACE);
    checkSync = options.checks().contains(Check.SYNC);
    budget = options.instructionBudget();
    random = (options.seed() + 1) * 0x9E3779B97F4A7C15L;
  }

  static synchronized long nextGeneration() {
    return ++generations;
  }

  /** A random number below a bound. */
  int random(int bound) {
    random ^= random << 13;
    random ^= random >>> 7;
    random ^= random << 17;
    return (int) ((random >>> 33) % bound);
  }

  /** Notes instructions; true once there were too many. */
  boolean spend(long instructions) {
    used += instructions;
    return used > budget;
  }

  /** Starts checking an allocation in this launch. */
  void touch(Allocation allocation) {
    allocation.shadow.begin(generation);
  }
}
