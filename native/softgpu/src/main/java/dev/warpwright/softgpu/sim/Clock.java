package dev.warpwright.softgpu.sim;

import org.jspecify.annotations.Nullable;

/**
 * What the lanes of one warp know about each other's and other warps' past. Time is counted in
 * ticks of a warp; every synchronisation starts a new one. An access at tick t of lane b is ordered
 * before lane a's next one if a has learned of a tick of b later than t.
 */
final class Clock {
  /** Of a warp, counted from 1. */
  int tick = 1;

  /** What all lanes know of each other. */
  int floor;

  /** Ticks of the block's warps that this warp knows. */
  final int[] warps;

  /** Known ticks of other blocks' warps, learned through atomics and fences. */
  @Nullable Knowledge others;

  /** Before this tick a fence was executed, 0 for none: of the block, and of the device. */
  int blockFence;

  int deviceFence;

  private int @Nullable [] lanes;
  private final int self;

  Clock(int self, int warps) {
    this.self = self;
    this.warps = new int[warps];
  }

  /** Whether lane a knows lane b's accesses at a tick. */
  boolean knowsLane(int a, int b, int at) {
    if (floor > at || a == b) {
      return true;
    }
    return lanes != null && lanes[a * Warp.LANES + b] > at;
  }

  /** Lane a learns what lane b did before a tick. */
  void learnLane(int a, int b, int before) {
    int[] known = lanes();
    known[a * Warp.LANES + b] = Math.max(known[a * Warp.LANES + b], before);
  }

  private int[] lanes() {
    int[] known = lanes;
    if (known == null) {
      known = new int[Warp.LANES * Warp.LANES];
      lanes = known;
    }
    return known;
  }

  /** All live lanes meet. */
  void syncAll() {
    floor = ++tick;
  }

  /** Some lanes meet. */
  void sync(int mask, int live) {
    if ((mask & live) == live) {
      syncAll();
      return;
    }
    int[] known = lanes();
    tick++;
    for (int b = 0; b < Warp.LANES; b++) {
      int latest = 0;
      for (int m = mask; m != 0; m &= m - 1) {
        latest = Math.max(latest, known[Integer.numberOfTrailingZeros(m) * Warp.LANES + b]);
      }
      if ((mask >>> b & 1) != 0) {
        latest = tick;
      }
      for (int m = mask; m != 0; m &= m - 1) {
        known[Integer.numberOfTrailingZeros(m) * Warp.LANES + b] = latest;
      }
    }
  }

  /** A fence: what came before can be published by a later atomic or release. */
  void fence(boolean device) {
    tick++;
    blockFence = tick;
    if (device) {
      deviceFence = tick;
    }
  }

  /** Ticks of the block's warps that this warp may publish. */
  int[] published(boolean device) {
    int[] row = warps.clone();
    row[self] = device ? deviceFence : blockFence;
    return row;
  }

  void learn(int[] row) {
    for (int i = 0; i < row.length; i++) {
      if (i != self) {
        warps[i] = Math.max(warps[i], row[i]);
      }
    }
  }
}
