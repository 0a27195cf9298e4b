package dev.warpwright.softgpu.sim;

import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;

/** A resident block: shared memory, warps and barriers. */
final class Block {
  static final int BARRIERS = 16;

  final Run run;
  final Allocation shared;
  final Warp[] warps;

  /** What atomics published on words of shared memory. */
  final Map<Long, Knowledge> published = new HashMap<>();

  /** mbarrier objects by their place in shared memory. */
  final Map<Integer, Mbarrier> mbarriers = new HashMap<>();

  private final Barrier[] barriers = new Barrier[BARRIERS];

  /** Linear number in the grid. */
  int index;

  /** Arrivals at one barrier. */
  private static final class Barrier {
    final int[][] arrivedClock;
    int arrivedMask;
    int waiting;
    boolean all;
    int expected;
    int count;
    boolean and;
    boolean or;
    int line;
    String source = "";

    Barrier(int warps) {
      arrivedClock = new int[warps][];
    }

    void reset() {
      Arrays.fill(arrivedClock, null);
      arrivedMask = 0;
      waiting = 0;
      count = 0;
      and = true;
      or = false;
    }
  }

  Block(Run run) {
    this.run = run;
    int bytes = run.code.staticShared() + run.launch.dynamicShared();
    shared = new Allocation(0, bytes, "shared memory");
    warps = new Warp[(run.launch.threads() + Warp.LANES - 1) / Warp.LANES];
    for (int i = 0; i < warps.length; i++) {
      warps[i] = new Warp(this, i);
    }
  }

  /** Takes the next block of the grid. */
  void start(int blockIndex) {
    index = blockIndex;
    Arrays.fill(shared.initialised, (byte) 0);
    // What the last block left must not look like an answer.
    Arrays.fill(shared.data, (byte) 0xcd);
    shared.shadow.begin(Run.nextGeneration());
    published.clear();
    mbarriers.clear();
    Arrays.fill(barriers, null);
    for (Warp warp : warps) {
      warp.start();
    }
  }

  /** Runs one warp for a while; false when all have ended. */
  boolean step() {
    int first = run.random(warps.length);
    boolean alive = false;
    for (int i = 0; i < warps.length; i++) {
      Warp warp = warps[(first + i) % warps.length];
      if (warp.isDone()) {
        continue;
      }
      alive = true;
      if (warp.isBlocked()) {
        continue;
      }
      warp.run(16 + run.random(256));
      return true;
    }
    if (!alive) {
      return false;
    }
    return releaseOrFail();
  }

  private boolean releaseOrFail() {
    for (Barrier barrier : barriers) {
      if (barrier != null && barrier.waiting != 0 && complete(barrier)) {
        release(barrier);
        return true;
      }
    }
    StringBuilder where = new StringBuilder();
    Warp stuck = null;
    for (Warp warp : warps) {
      if (!warp.isDone()) {
        stuck = warp;
        where
            .append(" warp ")
            .append(warp.id)
            .append(" waits at ")
            .append(warp.place())
            .append(';');
      }
    }
    if (stuck == null) {
      return false;
    }
    throw stuck.faultAt(
        SimFault.Kind.DEADLOCK, stuck.liveLane(), 0, "threads wait for ever:" + where);
  }

  private boolean complete(Barrier barrier) {
    if (!barrier.all) {
      return Integer.bitCount(barrier.arrivedMask) * Warp.LANES >= barrier.expected;
    }
    for (Warp warp : warps) {
      if (!warp.isDone() && (barrier.arrivedMask >>> warp.id & 1) == 0) {
        return false;
      }
    }
    return true;
  }

  /**
   * A warp arrives at a barrier.
   *
   * @param lanes those that arrive
   * @param values of these, the ones whose predicate holds
   */
  void arrive(Warp warp, Instr instr, int id, int lanes, int values) {
    Instr.BarrierOperands operands = instr.barrier;
    int lane = Integer.numberOfTrailingZeros(lanes);
    if (id < 0 || id >= BARRIERS) {
      throw warp.faultAt(SimFault.Kind.DIVERGENT_BARRIER, lane, 0, "there is no barrier " + id);
    }
    Barrier barrier = barriers[id];
    if (barrier == null) {
      barrier = new Barrier(warps.length);
      barrier.reset();
      barriers[id] = barrier;
    }
    boolean all = operands.threads() < 0;
    int expected = all ? 0 : warp.r[operands.threads() + lane];
    if (!all && (expected <= 0 || expected % Warp.LANES != 0)) {
      throw warp.faultAt(
          SimFault.Kind.DIVERGENT_BARRIER,
          lane,
          0,
          "barrier " + id + " for " + expected + " threads: not a multiple of the warp size");
    }
    if (barrier.arrivedMask != 0 && run.checkSync) {
      if (barrier.all != all || barrier.expected != expected) {
        throw warp.faultAt(
            SimFault.Kind.DIVERGENT_BARRIER,
            lane,
            0,
            "barrier " + id + " with another number of threads than at PTX line " + barrier.line);
      }
      if (all && barrier.line != instr.line && !barrier.source.equals(instr.source)) {
        throw warp.faultAt(
            SimFault.Kind.DIVERGENT_BARRIER,
            lane,
            0,
            "other warps of the block wait at " + barrier.source + ", PTX line " + barrier.line);
      }
    }
    barrier.all = all;
    barrier.expected = expected;
    barrier.line = instr.line;
    barrier.source = instr.source;
    if (!operands.reduction().isEmpty()) {
      barrier.count += Integer.bitCount(values);
      barrier.and &= values == lanes;
      barrier.or |= values != 0;
    }
    barrier.arrivedMask |= 1 << warp.id;
    int[] known = warp.clock.warps.clone();
    known[warp.id] = warp.clock.tick + 1;
    barrier.arrivedClock[warp.id] = known;
    warp.clock.tick++;
    if (operands.waits()) {
      barrier.waiting |= 1 << warp.id;
      warp.blockAt(id);
    }
    if (complete(barrier)) {
      release(barrier);
    }
  }

  private void release(Barrier barrier) {
    int[] joined = new int[warps.length];
    Knowledge others = null;
    for (int i = 0; i < warps.length; i++) {
      int[] known = barrier.arrivedClock[i];
      if (known == null) {
        continue;
      }
      for (int w = 0; w < joined.length; w++) {
        joined[w] = Math.max(joined[w], known[w]);
      }
      Knowledge theirs = warps[i].clock.others;
      if (theirs != null) {
        if (others == null) {
          others = theirs;
        } else if (others != theirs) {
          others = others.copy();
          others.join(theirs);
        }
      }
    }
    int waiting = barrier.waiting;
    int count = barrier.count;
    boolean and = barrier.and;
    boolean or = barrier.or;
    barrier.reset();
    for (Warp warp : warps) {
      if ((waiting >>> warp.id & 1) != 0) {
        warp.clock.learn(joined);
        warp.clock.others = others;
        warp.clock.syncAll();
        warp.release(count, and, or);
      }
    }
  }

  /** Whether an asynchronous copy into these bytes is under way. */
  boolean asyncPending(int at, int bytes) {
    for (Warp warp : warps) {
      if (warp.copies.isPending(at, bytes)) {
        return true;
      }
    }
    return false;
  }

  /** A warp has ended: a barrier of all threads may be complete now. */
  void ended() {
    for (Barrier barrier : barriers) {
      if (barrier != null && barrier.waiting != 0 && barrier.all && complete(barrier)) {
        release(barrier);
      }
    }
  }
}
