package dev.warpwright.softgpu.sim;

/** Who accessed memory and when, in a long: block 26 bits, strong 1, warp 5, lane 5, tick 26. */
final class Stamp {
  private static final int TICK_BITS = 26;
  private static final int TICKS = (1 << TICK_BITS) - 1;
  private static final int LANE = TICK_BITS;
  private static final int WARP = LANE + 5;
  private static final int STRONG = WARP + 5;
  private static final int BLOCK = STRONG + 1;
  private static final int BLOCKS = (1 << 26) - 1;

  private Stamp() {}

  static long of(int block, int warp, int lane, int tick, boolean strong) {
    return ((long) (block & BLOCKS) << BLOCK)
        | (strong ? 1L << STRONG : 0)
        | ((long) warp << WARP)
        | ((long) lane << LANE)
        | (tick & TICKS);
  }

  static int block(long stamp) {
    return (int) (stamp >>> BLOCK) & BLOCKS;
  }

  static int warp(long stamp) {
    return (int) (stamp >>> WARP) & 31;
  }

  static int lane(long stamp) {
    return (int) (stamp >>> LANE) & 31;
  }

  static int tick(long stamp) {
    return (int) stamp & TICKS;
  }

  static boolean strong(long stamp) {
    return (stamp >>> STRONG & 1) != 0;
  }

  static long withLane(long stamp, int lane) {
    return (stamp & ~(31L << LANE)) | ((long) lane << LANE);
  }

  static boolean sameBlock(long a, long b) {
    return a >>> BLOCK == b >>> BLOCK;
  }

  static boolean sameWarp(long a, long b) {
    return sameBlock(a, b) && warp(a) == warp(b);
  }

  static boolean isOf(long stamp, Warp warp) {
    return warp(stamp) == warp.id && block(stamp) == (warp.block.index & BLOCKS);
  }

  /** Whether the access comes before whatever the lane does next. */
  static boolean ordered(long stamp, Warp warp, int lane) {
    int of = warp(stamp);
    if (block(stamp) == (warp.block.index & BLOCKS)) {
      return of == warp.id
          ? warp.clock.knowsLane(lane, lane(stamp), tick(stamp))
          : warp.clock.warps[of] > tick(stamp);
    }
    Knowledge others = warp.clock.others;
    return others != null && others.knows(block(stamp), of, tick(stamp));
  }

  /** Warp and tick in an int that is never 0 or negative. */
  static int warpAndTick(long stamp) {
    return (warp(stamp) << TICK_BITS) | tick(stamp);
  }

  static int otherWarp(int other) {
    return other >>> TICK_BITS & 31;
  }

  static int otherTick(int other) {
    return other & TICKS;
  }

  /** A stamp to report for an earlier reader. */
  static long other(int other, long read) {
    return other < 0 ? read : of(block(read), otherWarp(other), 0, otherTick(other), false);
  }
}
