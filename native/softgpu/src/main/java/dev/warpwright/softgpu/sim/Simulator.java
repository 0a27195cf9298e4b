package dev.warpwright.softgpu.sim;

import java.util.function.Consumer;

/** Executes launches. One at a time on one device memory. */
public final class Simulator {
  /** Blocks that take turns; a cooperative launch has all of them resident. */
  private static final int RESIDENT = 3;

  private static final int GRID_WORKSPACE = 64;

  private final DeviceProfile profile;
  private final DeviceMemory memory;
  private final SimOptions options;
  private final Consumer<String> output;

  /**
   * Creates a simulator.
   *
   * @param profile limits of the device
   * @param memory its memory
   * @param options schedule, checks and budget
   * @param output takes each text that a thread prints
   */
  public Simulator(
      DeviceProfile profile, DeviceMemory memory, SimOptions options, Consumer<String> output) {
    this.output = output;
    this.profile = profile;
    this.memory = memory;
    this.options = options;
  }

  /**
   * Executes a kernel to its end.
   *
   * @param launch what to run
   * @return the counters
   * @throws SimFault if the kernel broke a rule; memory is as the kernel left it
   * @throws IllegalArgumentException if the launch does not fit the device
   */
  public LaunchReport run(Launch launch) {
    check(launch);
    synchronized (memory) {
      Run run = new Run(launch, launch.entry().code(), profile, memory, options, output);
      if (!launch.cooperative() || !SpecialRegisters.usesGridWorkspace(run.code)) {
        return run(launch, run);
      }
      run.gridWorkspace = memory.allocate(GRID_WORKSPACE, "workspace of the grid's barrier");
      memory.fill(run.gridWorkspace, 0, 1, GRID_WORKSPACE);
      try {
        return run(launch, run);
      } finally {
        memory.free(run.gridWorkspace);
      }
    }
  }

  private static LaunchReport run(Launch launch, Run run) {
    int blocks = (int) launch.blocks();
    int resident = launch.cooperative() ? blocks : Math.min(blocks, RESIDENT);
    Block[] slots = new Block[resident];
    Order order = new Order(run, blocks);
    for (int i = 0; i < resident; i++) {
      slots[i] = new Block(run);
      slots[i].start(order.next());
    }
    int active = resident;
    while (active > 0) {
      int pick = run.random(active);
      if (!slots[pick].step()) {
        if (order.hasNext()) {
          slots[pick].start(order.next());
        } else {
          slots[pick] = slots[--active];
        }
      }
    }
    return run.counters.report();
  }

  /** Visits all blocks once, from a random start with a random stride. */
  private static final class Order {
    private final int count;
    private final int stride;
    private int at;
    private int left;

    Order(Run run, int count) {
      this.count = count;
      at = run.random(count);
      int step = 1 + run.random(count);
      while (gcd(step, count) != 1) {
        step++;
      }
      stride = step;
      left = count;
    }

    private static int gcd(int a, int b) {
      return b == 0 ? a : gcd(b, a % b);
    }

    boolean hasNext() {
      return left > 0;
    }

    int next() {
      left--;
      at = (int) (((long) at + stride) % count);
      return at;
    }
  }

  private void check(Launch launch) {
    Entry entry = launch.entry();
    long threads = (long) launch.blockX() * launch.blockY() * launch.blockZ();
    if (Math.min(launch.blockX(), Math.min(launch.blockY(), launch.blockZ())) < 1
        || Math.min(launch.gridX(), Math.min(launch.gridY(), launch.gridZ())) < 1) {
      throw new IllegalArgumentException("grid and block must be positive");
    }
    int most = Math.min(entry.maxThreads(), profile.maxThreadsPerBlock());
    if (threads > most) {
      throw new IllegalArgumentException(
          threads + " threads of " + entry.name() + ": at most " + most);
    }
    if (launch.blocks() > Integer.MAX_VALUE) {
      throw new IllegalArgumentException(launch.blocks() + " blocks: at most 2^31 - 1");
    }
    long shared = (long) entry.staticShared() + launch.dynamicShared();
    if (launch.dynamicShared() < 0 || shared > profile.sharedPerBlockOptin()) {
      throw new IllegalArgumentException(
          shared
              + " bytes of shared memory of "
              + entry.name()
              + ": at most "
              + profile.sharedPerBlockOptin());
    }
    if (launch.parameters().length < entry.parameterBytes()) {
      throw new IllegalArgumentException(
          launch.parameters().length
              + " bytes of parameters: "
              + entry.name()
              + " takes "
              + entry.parameterBytes());
    }
  }
}
