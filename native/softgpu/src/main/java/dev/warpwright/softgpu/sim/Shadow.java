package dev.warpwright.softgpu.sim;

import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * The last accesses to each granule of an allocation, for the race check: the last write, the last
 * readers in one warp, and one earlier reader in another warp or block. More readers are forgotten:
 * of a write that races with several, one is enough.
 *
 * <p>A granule has 4 bytes, for which 32 are kept here. In shared memory granules are halved when a
 * narrower access comes. In device memory that would cost too much: there, narrow accesses to
 * different bytes of a granule are told apart, but only the last one is remembered.
 */
final class Shadow {
  private static final int PAGE_BITS = 10;
  private static final int PAGE = 1 << PAGE_BITS;

  /** In {@link Page#readOther}: somewhere in another block. */
  private static final int OTHER_BLOCK = -1;

  /** Beside a PTX line: which bytes of the granule were accessed. */
  private static final int LINE_BITS = 28;

  private static final int LINES = (1 << LINE_BITS) - 1;
  private static final int ALL_BYTES = 15;

  /** A stretch of granules. */
  private static final class Page {
    long generation;
    final long[] write = new long[PAGE];
    final long[] read = new long[PAGE];
    final int[] readLanes = new int[PAGE];
    final int[] readOther = new int[PAGE];
    final int[] writeLine = new int[PAGE];
    final int[] readLine = new int[PAGE];

    void clear(long now) {
      Arrays.fill(write, 0);
      Arrays.fill(read, 0);
      Arrays.fill(readOther, 0);
      generation = now;
    }
  }

  private final int bytes;
  private final boolean refines;
  private int shift = 2;
  private @Nullable Page[] pages = new Page[0];
  private long generation;

  /** After a conflict: the stamp of the other party, its PTX line, and whether it wrote. */
  long conflict;

  int conflictLine;
  boolean conflictWrote;

  Shadow(int bytes, boolean refines) {
    this.bytes = bytes;
    this.refines = refines;
  }

  /** Forgets everything when another launch or block begins. */
  void begin(long launch) {
    generation = launch;
  }

  private Page page(int granule) {
    int index = granule >> PAGE_BITS;
    if (index >= pages.length) {
      pages = Arrays.copyOf(pages, (bytes >> shift >> PAGE_BITS) + 1);
    }
    Page page = pages[index];
    if (page == null) {
      page = new Page();
      page.generation = generation;
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
      pages = new Page[(bytes >> shift >> PAGE_BITS) + 1];
      for (int i = 0; i < old.length; i++) {
        Page from = old[i];
        if (from == null || from.generation != generation) {
          continue;
        }
        for (int g = 0; g < PAGE; g++) {
          for (int half = 0; half < 2; half++) {
            int granule = (((i << PAGE_BITS) + g) << 1) + half;
            if (granule >> PAGE_BITS < pages.length) {
              copy(from, g, page(granule), granule & (PAGE - 1));
            }
          }
        }
      }
    }
  }

  private static void copy(Page from, int at, Page to, int into) {
    to.write[into] = from.write[at];
    to.read[into] = from.read[at];
    to.readLanes[into] = from.readLanes[at];
    to.readOther[into] = from.readOther[at];
    to.writeLine[into] = from.writeLine[at];
    to.readLine[into] = from.readLine[at];
  }

  private int touched(int offset, int width) {
    return width >= 1 << shift ? ALL_BYTES : ((1 << width) - 1) << (offset & 3);
  }

  private static boolean overlaps(int line, int touched) {
    return (line >>> LINE_BITS & touched) != 0;
  }

  /** Records a read; false if it races, with the other party in {@link #conflict}. */
  boolean read(Warp warp, int lane, int offset, int width, boolean strong) {
    if (refines && width < 1 << shift) {
      refine(width);
    }
    int touched = touched(offset, width);
    int last = (offset + width - 1) >> shift;
    long mine = Stamp.of(warp.block.index, warp.id, 0, warp.clock.tick, strong);
    for (int granule = offset >> shift; granule <= last; granule++) {
      Page page = page(granule);
      int at = granule & (PAGE - 1);
      long write = page.write[at];
      if (write != 0
          && overlaps(page.writeLine[at], touched)
          && !(strong && Stamp.strong(write))
          && !Stamp.ordered(write, warp, lane)) {
        return conflict(write, page.writeLine[at], true);
      }
      long read = page.read[at];
      boolean sameBytes = page.readLine[at] >>> LINE_BITS == touched;
      if (read == mine && sameBytes) {
        page.readLanes[at] |= 1 << lane;
        continue;
      }
      if (read != 0 && !sameBytes) {
        page.readOther[at] = 0;
      } else if (read != 0 && !Stamp.sameWarp(read, mine)) {
        page.readOther[at] = Stamp.sameBlock(read, mine) ? Stamp.warpAndTick(read) : OTHER_BLOCK;
      }
      page.read[at] = mine;
      page.readLanes[at] = 1 << lane;
      page.readLine[at] = warp.line() | touched << LINE_BITS;
    }
    return true;
  }

  /** Records a write; false if it races, with the other party in {@link #conflict}. */
  boolean write(Warp warp, int lane, int offset, int width, boolean strong) {
    if (refines && width < 1 << shift) {
      refine(width);
    }
    int touched = touched(offset, width);
    int last = (offset + width - 1) >> shift;
    long mine = Stamp.of(warp.block.index, warp.id, lane, warp.clock.tick, strong);
    boolean fine = true;
    for (int granule = offset >> shift; granule <= last; granule++) {
      Page page = page(granule);
      int at = granule & (PAGE - 1);
      long write = page.write[at];
      if (write != 0
          && overlaps(page.writeLine[at], touched)
          && !(strong && Stamp.strong(write))
          && !Stamp.ordered(write, warp, lane)) {
        fine = conflict(write, page.writeLine[at], true);
      }
      long read = page.read[at];
      boolean overlapping = overlaps(page.readLine[at], touched);
      if (read != 0 && overlapping && !(strong && Stamp.strong(read))) {
        if (!readersOrdered(page, at, read, warp, lane)) {
          return conflict(
              Stamp.withLane(read, foreignLane(page.readLanes[at], lane)),
              page.readLine[at],
              false);
        }
        int other = page.readOther[at];
        if (other != 0 && !otherOrdered(other, read, warp)) {
          return conflict(Stamp.other(other, read), page.readLine[at], false);
        }
      }
      page.write[at] = mine;
      page.writeLine[at] = warp.line() | touched << LINE_BITS;
      if (overlapping) {
        page.read[at] = 0;
        page.readOther[at] = 0;
      }
    }
    return fine;
  }

  private static int foreignLane(int lanes, int lane) {
    int others = lanes & ~(1 << lane);
    return Integer.numberOfTrailingZeros(others == 0 ? lanes : others);
  }

  private static boolean readersOrdered(Page page, int at, long read, Warp warp, int lane) {
    if (!Stamp.isOf(read, warp)) {
      return Stamp.ordered(read, warp, lane);
    }
    int tick = Stamp.tick(read);
    if (warp.clock.floor > tick) {
      return true;
    }
    for (int m = page.readLanes[at]; m != 0; m &= m - 1) {
      if (!warp.clock.knowsLane(lane, Integer.numberOfTrailingZeros(m), tick)) {
        return false;
      }
    }
    return true;
  }

  private static boolean otherOrdered(int other, long read, Warp warp) {
    if (other == OTHER_BLOCK) {
      // If the last reader is of this block, the other one was not, and only atomics can order it.
      return Stamp.block(read) != warp.block.index || warp.clock.others != null;
    }
    // A reader of the last reader's block.
    if (Stamp.block(read) != warp.block.index) {
      return true;
    }
    int of = Stamp.otherWarp(other);
    return of == warp.id || warp.clock.warps[of] > Stamp.otherTick(other);
  }

  private boolean conflict(long stamp, int line, boolean wrote) {
    conflict = stamp;
    conflictLine = line & LINES;
    conflictWrote = wrote;
    return false;
  }
}
