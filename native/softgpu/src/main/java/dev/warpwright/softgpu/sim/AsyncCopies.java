package dev.warpwright.softgpu.sim;

import java.util.Arrays;

/** cp.async of one warp: bytes are fetched at once but land at the wait. */
final class AsyncCopies {
  static final int MOST = 16;

  private final Warp warp;

  /** Groups that each lane has committed. */
  private final int[] committed = new int[Warp.LANES];

  private int count;
  private int[] lanes = new int[64];
  private int[] groups = new int[64];
  private int[] targets = new int[64];
  private int[] sizes = new int[64];
  private byte[] data = new byte[64 * MOST];

  AsyncCopies(Warp warp) {
    this.warp = warp;
  }

  void clear() {
    count = 0;
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
      groups = Arrays.copyOf(groups, 2 * count);
      targets = Arrays.copyOf(targets, 2 * count);
      sizes = Arrays.copyOf(sizes, 2 * count);
      data = Arrays.copyOf(data, 2 * count * MOST);
    }
    lanes[count] = lane;
    groups[count] = committed[lane];
    targets[count] = target;
    sizes[count] = size;
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
        land(i);
      } else {
        move(i, kept++);
      }
    }
    count = kept;
  }

  private void land(int i) {
    Block block = warp.block;
    System.arraycopy(data, i * MOST, block.shared.data, targets[i], sizes[i]);
    LoadStore.markWritten(block.shared, targets[i], sizes[i]);
    if (block.run.checkRaces) {
      // The write happens now; that it was allowed was checked when the copy was started.
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
    groups[to] = groups[from];
    targets[to] = targets[from];
    sizes[to] = sizes[from];
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
