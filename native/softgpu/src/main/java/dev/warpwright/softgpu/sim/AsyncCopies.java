package dev.warpwright.softgpu.sim;

import java.util.Arrays;

/** cp.async of one warp: bytes are fetched at once but land at the wait. */
final class AsyncCopies {
  static final int MOST = 16;

  private final Warp warp;

  /** Copies that each lane has started. */
  private final int[] started = new int[Warp.LANES];

  /** Groups that each lane has committed. */
  private final int[] committed = new int[Warp.LANES];

  private int count;
  private int[] lanes = new int[64];
  private int[] numbers = new int[64];
  private int[] groups = new int[64];
  private int[] targets = new int[64];
  private int[] sizes = new int[64];
  private byte[] data = new byte[64 * MOST];

  /** Whether the race check knows of the write already. */
  private boolean[] noted = new boolean[64];

  AsyncCopies(Warp warp) {
    this.warp = warp;
  }

  void clear() {
    count = 0;
    Arrays.fill(started, 0);
    Arrays.fill(committed, 0);
  }

  /**
   * Starts a copy.
   *
   * @param from where the data is
   * @param have bytes of it; the rest are zeros
   */
  void start(int lane, int target, byte[] source, int from, int have, int size) {
    if (count == lanes.length) {
      lanes = Arrays.copyOf(lanes, 2 * count);
      numbers = Arrays.copyOf(numbers, 2 * count);
      groups = Arrays.copyOf(groups, 2 * count);
      targets = Arrays.copyOf(targets, 2 * count);
      sizes = Arrays.copyOf(sizes, 2 * count);
      data = Arrays.copyOf(data, 2 * count * MOST);
      noted = Arrays.copyOf(noted, 2 * count);
    }
    lanes[count] = lane;
    numbers[count] = started[lane]++;
    groups[count] = committed[lane];
    targets[count] = target;
    sizes[count] = size;
    noted[count] = false;
    Arrays.fill(data, count * MOST, (count + 1) * MOST, (byte) 0);
    System.arraycopy(source, from, data, count * MOST, have);
    count++;
  }

  void commit(int mask) {
    for (int m = mask; m != 0; m &= m - 1) {
      committed[Integer.numberOfTrailingZeros(m)]++;
    }
  }

  /**
   * Waits until at most some groups of each lane are under way.
   *
   * @param pending that number, or -1 for everything, what is not committed included
   */
  void await(int mask, int pending) {
    int kept = 0;
    for (int i = 0; i < count; i++) {
      int lane = lanes[i];
      boolean lands =
          (mask >>> lane & 1) != 0 && (pending < 0 || groups[i] < committed[lane] - pending);
      if (lands) {
        write(i);
        land(i);
      } else {
        move(i, kept++);
      }
    }
    count = kept;
  }

  /**
   * Hands the copies of a lane over to an mbarrier: they count as written now, but land later.
   *
   * @return what {@link #land(int, int)} wants
   */
  int handOver(int lane) {
    for (int i = 0; i < count; i++) {
      if (lanes[i] == lane) {
        write(i);
      }
    }
    return started[lane];
  }

  /** Lands the copies of a lane up to a number. */
  void land(int lane, int before) {
    int kept = 0;
    for (int i = 0; i < count; i++) {
      if (lanes[i] == lane && numbers[i] < before) {
        land(i);
      } else {
        move(i, kept++);
      }
    }
    count = kept;
  }

  private void land(int i) {
    System.arraycopy(data, i * MOST, warp.block.shared.data, targets[i], sizes[i]);
    LoadStore.markWritten(warp.block.shared, targets[i], sizes[i]);
  }

  /** Notes the write for the race check; that it was allowed was checked at the start. */
  private void write(int i) {
    Block block = warp.block;
    if (block.run.checkRaces && !noted[i]) {
      noted[i] = true;
      int[] offsets = block.run.unit.offsets;
      offsets[lanes[i]] = targets[i];
      block.shared.shadow.write(warp, 1 << lanes[i], offsets, sizes[i], false);
    }
  }

  private void move(int from, int to) {
    if (from == to) {
      return;
    }
    lanes[to] = lanes[from];
    numbers[to] = numbers[from];
    groups[to] = groups[from];
    targets[to] = targets[from];
    sizes[to] = sizes[from];
    noted[to] = noted[from];
    System.arraycopy(data, from * MOST, data, to * MOST, MOST);
  }

  /** Whether a copy into these bytes of shared memory is under way. */
  boolean isPending(int at, int bytes) {
    for (int i = 0; i < count; i++) {
      if (targets[i] < at + bytes && at < targets[i] + sizes[i]) {
        return true;
      }
    }
    return false;
  }
}
