package dev.warpwright.softgpu.sim;

/**
 * Who accessed memory and when, in a long: bytes 4 bits, block 24, strong 1, warp 5, lane 5, tick
 * 24. The bytes are those of a granule that were accessed.
 */
final class Stamp {
  /** The latest tick that fits. */
  static final int LAST_TICK = (1 << 24) - 1;

  private static final int TICK_BITS = 24;
  private static final int LANE = TICK_BITS;
  private static final int WARP = LANE + 5;
  private static final int STRONG = WARP + 5;
  private static final int BLOCK = STRONG + 1;
  private static final int BLOCKS = (1 << 24) - 1;
  private static final int BYTES = BLOCK + 24;

  private Stamp() {}

  static long of(int block, int warp, int lane, int tick, boolean strong) {
    return ((long) (block & BLOCKS) << BLOCK)
        | (strong ? 1L << STRONG : 0)
        | ((long) warp << WARP)
        | ((long) lane << LANE)
        | (tick & LAST_TICK);
  }

  /** The same with the bytes of the granule. */
  static long withBytes(long stamp, int touched) {
    return stamp | (long) touched << BYTES;
  }

  static boolean overlaps(long stamp, int touched) {
    return (stamp >>> BYTES & touched) != 0;
  }

  static boolean sameBytes(long stamp, int touched) {
    return stamp >>> BYTES == touched;
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
    return (int) stamp & LAST_TICK;
  }

  static boolean strong(long stamp) {
    return (stamp >>> STRONG & 1) != 0;
  }

  static long withLane(long stamp, int lane) {
    return (stamp & ~(31L << LANE)) | ((long) lane << LANE);
  }

  static boolean sameBlock(long a, long b) {
    return block(a) == block(b);
  }

  static boolean sameWarp(long a, long b) {
    return sameBlock(a, b) && warp(a) == warp(b);
  }

  static boolean isOf(long stamp, Warp warp) {
    return warp(stamp) == warp.id && isOfBlock(stamp, warp);
  }

  static boolean isOfBlock(long stamp, Warp warp) {
    return block(stamp) == (warp.block.index & BLOCKS);
  }

  /** Whether the access comes before whatever the lane does next. */
  static boolean ordered(long stamp, Warp warp, int lane) {
    int of = warp(stamp);
    if (isOfBlock(stamp, warp)) {
      return of == warp.id
          ? warp.clock.knowsLane(lane, lane(stamp), tick(stamp))
          : warp.clock.warps[of] > tick(stamp);
    }
    Knowledge others = warp.clock.others;
    return others != null && others.knows(block(stamp), of, tick(stamp));
  }

  /** Whether the access comes before whatever any lane of the warp does next. */
  static boolean orderedForAll(long stamp, Warp warp) {
    return isOf(stamp, warp) ? warp.clock.floor > tick(stamp) : ordered(stamp, warp, 0);
  }

  /** The same for all lanes of a warp. */
  static long anyLane(long stamp) {
    return stamp & ~(31L << LANE);
  }

  /** Warp and tick in 29 bits, never 0. */
  static int warpAndTick(long stamp) {
    return (warp(stamp) << TICK_BITS) | tick(stamp);
  }

  static int otherWarp(int other) {
    return other >>> TICK_BITS & 31;
  }

  static int otherTick(int other) {
    return other & LAST_TICK;
  }

  /** A stamp to report for an earlier reader of the same block. */
  static long other(int other, long read) {
    return of(block(read), otherWarp(other), 0, otherTick(other), false);
  }
}
