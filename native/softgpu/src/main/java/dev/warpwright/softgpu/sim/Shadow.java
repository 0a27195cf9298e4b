package dev.warpwright.softgpu.sim;

import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * The last accesses to each granule of an allocation, for the race check: the last write, the last
 * readers in one warp, and one earlier reader in another warp or block. More readers are forgotten:
 * of a write that races with several, one is enough.
 *
 * <p>A granule has 4 bytes, for which 28 are kept here. In shared memory granules are halved when a
 * narrower access comes. In device memory that would cost too much: there, narrow accesses to
 * different bytes of a granule are told apart, but only the last one is remembered.
 */
final class Shadow {
  /** Granules of a page: an aligned access never crosses one. */
  private static final int PAGE_BITS = 10;

  private static final int PAGE = 1 << PAGE_BITS;

  /** In place of an earlier reader: somewhere in another block. */
  private static final int OTHER_BLOCK = 1 << 29;

  private static final int ALL_BYTES = 15;

  /** Instructions behind this one share its number. */
  private static final int LAST_SITE = 0xffff;

  /** Longs of a granule: last write, last read, and the readers (see {@link Page#state}). */
  private static final int LONGS = 3;

  /** A stretch of granules. */
  private static final class Page {
    long generation;

    /**
     * Three longs a granule: the last write; the last read; its lanes in the lower half, in the
     * upper one an earlier reader's warp and tick, or {@link #OTHER_BLOCK}.
     */
    final long[] state;

    /** The instruction that read in the lower half, the one that wrote in the upper one. */
    final int[] sites;

    Page(int granules, long now) {
      state = new long[LONGS * granules];
      sites = new int[granules];
      generation = now;
    }

    void clear(long now) {
      Arrays.fill(state, 0);
      generation = now;
    }
  }

  private final int bytes;
  private final boolean refines;
  private int shift = 2;
  private @Nullable Page[] pages = new Page[0];
  private long generation;

  /** After a conflict: the stamp of the other party, its instruction, and whether it wrote. */
  long conflict;

  int conflictSite;
  boolean conflictWrote;

  Shadow(int bytes, boolean refines) {
    this.bytes = bytes;
    this.refines = refines;
  }

  /** Forgets everything when another launch or block begins. */
  void begin(long launch) {
    generation = launch;
  }

  /** Bytes in the arrays kept here. */
  long footprint() {
    long sum = (long) pages.length * Integer.BYTES;
    for (Page page : pages) {
      sum +=
          page == null
              ? 0
              : (long) page.state.length * Long.BYTES + (long) page.sites.length * Integer.BYTES;
    }
    return sum;
  }

  private int granules() {
    return (bytes + (1 << shift) - 1) >> shift;
  }

  private Page page(int granule) {
    int index = granule >> PAGE_BITS;
    if (index < pages.length) {
      Page page = pages[index];
      if (page != null && page.generation == generation) {
        return page;
      }
    }
    return begunPage(index);
  }

  private Page begunPage(int index) {
    if (index >= pages.length) {
      pages = Arrays.copyOf(pages, ((granules() - 1) >> PAGE_BITS) + 1);
    }
    Page page = pages[index];
    if (page == null) {
      page = new Page(Math.min(PAGE, granules() - (index << PAGE_BITS)), generation);
      pages[index] = page;
    } else if (page.generation != generation) {
      page.clear(generation);
    }
    return page;
  }

  /** Halves the granules until they fit the access. */
  private void refine(int width) {
    while (width < 1 << shift) {
      @Nullable Page[] old = pages;
      shift--;
      pages = new Page[((granules() - 1) >> PAGE_BITS) + 1];
      for (int i = 0; i < old.length; i++) {
        Page from = old[i];
        if (from != null && from.generation == generation) {
          split(from, i << PAGE_BITS);
        }
      }
    }
  }

  private void split(Page from, int first) {
    for (int g = 0; g < from.sites.length; g++) {
      for (int half = 0; half < 2; half++) {
        int granule = ((first + g) << 1) + half;
        if (granule < granules()) {
          Page to = page(granule);
          int at = granule & (PAGE - 1);
          System.arraycopy(from.state, g * LONGS, to.state, at * LONGS, LONGS);
          to.sites[at] = from.sites[g];
        }
      }
    }
  }

  private int touched(int offset, int width) {
    return width >= 1 << shift ? ALL_BYTES : ((1 << width) - 1) << (offset & 3);
  }

  private static int site(Warp warp) {
    return Math.min(warp.current.index, LAST_SITE);
  }

  /**
   * Records a read of several lanes.
   *
   * @return the first lane whose read races, with the other party in {@link #conflict}; or -1
   */
  int read(Warp warp, int lanes, int[] offsets, int width, boolean strong) {
    if (refines && width < 1 << shift) {
      refine(width);
    }
    long stamp = Stamp.of(warp.block.index, warp.id, 0, warp.clock.tick, strong);
    int site = site(warp);
    // Neighbours are mostly written by one instruction: what was found for one holds for all.
    long ordered = 0;
    for (int m = lanes; m != 0; m &= m - 1) {
      int lane = Integer.numberOfTrailingZeros(m);
      int offset = offsets[lane];
      int touched = touched(offset, width);
      long mine = Stamp.withBytes(stamp, touched);
      int first = offset >> shift;
      int last = (offset + width - 1) >> shift;
      Page page = page(first);
      long[] state = page.state;
      for (int granule = first; granule <= last; granule++) {
        int at = granule & (PAGE - 1);
        int i = at * LONGS;
        long write = state[i];
        if (write != 0 && Stamp.anyLane(write) != ordered) {
          if (Stamp.overlaps(write, touched)
              && !(strong && Stamp.strong(write))
              && !Stamp.ordered(write, warp, lane)) {
            conflict(write, page.sites[at] >>> 16, true);
            return lane;
          }
          if (width >= 1 << shift && Stamp.orderedForAll(write, warp)) {
            ordered = Stamp.anyLane(write);
          }
        }
        if (state[i + 1] == mine) {
          state[i + 2] |= 1L << lane;
        } else {
          noteReader(state, i, mine, touched, lane);
          page.sites[at] = (page.sites[at] & ~LAST_SITE) | site;
        }
      }
    }
    return -1;
  }

  /** Other lanes, or another warp, read a granule now; one of the readers before is kept. */
  private static void noteReader(long[] state, int i, long mine, int touched, int lane) {
    long read = state[i + 1];
    int other = 0;
    if (read != 0 && Stamp.sameBytes(read, touched)) {
      if (Stamp.sameWarp(read, mine)) {
        other = (int) (state[i + 2] >>> 32);
      } else {
        other = Stamp.sameBlock(read, mine) ? Stamp.warpAndTick(read) : OTHER_BLOCK;
      }
    }
    state[i + 1] = mine;
    state[i + 2] = 1L << lane | ((long) other << 32);
  }

  /**
   * Records a write of several lanes, up to the first that races.
   *
   * @return that lane, with the other party in {@link #conflict}; or -1
   */
  int write(Warp warp, int lanes, int[] offsets, int width, boolean strong) {
    if (refines && width < 1 << shift) {
      refine(width);
    }
    int site = site(warp) << 16;
    long stamp = Stamp.of(warp.block.index, warp.id, 0, warp.clock.tick, strong);
    long ordered = 0;
    for (int m = lanes; m != 0; m &= m - 1) {
      int lane = Integer.numberOfTrailingZeros(m);
      int offset = offsets[lane];
      int touched = touched(offset, width);
      long mine = Stamp.withBytes(Stamp.withLane(stamp, lane), touched);
      int first = offset >> shift;
      int last = (offset + width - 1) >> shift;
      Page page = page(first);
      long[] state = page.state;
      boolean fine = true;
      for (int granule = first; granule <= last; granule++) {
        int at = granule & (PAGE - 1);
        int i = at * LONGS;
        long write = state[i];
        if (write != 0 && Stamp.anyLane(write) != ordered) {
          if (Stamp.overlaps(write, touched)
              && !(strong && Stamp.strong(write))
              && !Stamp.ordered(write, warp, lane)) {
            fine = conflict(write, page.sites[at] >>> 16, true);
          } else if (width >= 1 << shift && Stamp.orderedForAll(write, warp)) {
            ordered = Stamp.anyLane(write);
          }
        }
        long read = state[i + 1];
        if (read != 0 && Stamp.overlaps(read, touched)) {
          if (!(strong && Stamp.strong(read)) && !readsOrdered(state[i + 2], read, warp, lane)) {
            conflictSite = page.sites[at] & LAST_SITE;
            return lane;
          }
          state[i + 1] = 0;
          state[i + 2] = 0;
        }
        state[i] = mine;
        page.sites[at] = (page.sites[at] & LAST_SITE) | site;
      }
      if (!fine) {
        return lane;
      }
    }
    return -1;
  }

  /** Whether the reads of a granule come before the lane's write; if not, says which does not. */
  private boolean readsOrdered(long readers, long read, Warp warp, int lane) {
    int lanes = (int) readers;
    if (!lastReadOrdered(lanes, read, warp, lane)) {
      return conflict(Stamp.withLane(read, foreignLane(lanes, lane)), 0, false);
    }
    int other = (int) (readers >>> 32);
    if (other != 0 && !otherOrdered(other, read, warp)) {
      return conflict(other == OTHER_BLOCK ? read : Stamp.other(other, read), 0, false);
    }
    return true;
  }

  private static int foreignLane(int lanes, int lane) {
    int others = lanes & ~(1 << lane);
    return Integer.numberOfTrailingZeros(others == 0 ? lanes : others);
  }

  private static boolean lastReadOrdered(int lanes, long read, Warp warp, int lane) {
    if (!Stamp.isOf(read, warp)) {
      return Stamp.ordered(read, warp, lane);
    }
    int tick = Stamp.tick(read);
    if (warp.clock.floor > tick) {
      return true;
    }
    for (int m = lanes; m != 0; m &= m - 1) {
      if (!warp.clock.knowsLane(lane, Integer.numberOfTrailingZeros(m), tick)) {
        return false;
      }
    }
    return true;
  }

  private static boolean otherOrdered(int other, long read, Warp warp) {
    if (other == OTHER_BLOCK) {
      // If the last reader is of this block, the other one was not, and only atomics can order it.
      return !Stamp.isOfBlock(read, warp) || warp.clock.others != null;
    }
    // A reader of the last reader's block.
    if (!Stamp.isOfBlock(read, warp)) {
      return true;
    }
    int of = Stamp.otherWarp(other);
    return of == warp.id || warp.clock.warps[of] > Stamp.otherTick(other);
  }

  private boolean conflict(long stamp, int site, boolean wrote) {
    conflict = stamp;
    conflictSite = site;
    conflictWrote = wrote;
    return false;
  }
}
