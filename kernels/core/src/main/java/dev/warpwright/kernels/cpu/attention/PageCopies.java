package dev.warpwright.kernels.cpu.attention;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * One thread's scratch memory, and copies of pages between a pool and canonical form, {@code
 * [pageSize, headDim]}. Rows are copied as they are; blocks of keys are transposed on the way, in
 * the fast part of the cache.
 */
final class PageCopies {
  private static final int BLOCK = Lanes.BLOCK;

  private final KvPoolVector pool;
  private final KvLayout layout;
  private final int pageSize;
  private final int words;
  private final WordTile tile;
  private final int[] block;
  private final int[] rows;

  /** For pages of {@code pool}. */
  PageCopies(KvPoolVector pool) {
    this.pool = pool;
    layout = pool.layout();
    pageSize = pool.spec().pageSize();
    words = layout.words();
    tile = new WordTile(words);
    block = new int[BLOCK * words];
    rows = new int[BLOCK * words];
  }

  /** Bytes of the scratch memory. */
  long bytes() {
    return Integer.BYTES * (2L * BLOCK * words) + tile.bytes();
  }

  private long positionBytes() {
    return (long) pageSize * Integer.BYTES;
  }

  /** Where a slot of entry {@code index} of a tensor in canonical form begins. */
  private long canonicalAt(int index, int slot) {
    return ((long) index * pageSize + slot) * words * KvLayout.WORD;
  }

  /** Copies a page out, as entry {@code index} of each tensor. */
  void exportPage(
      int page, int index, MemorySegment keys, MemorySegment values, MemorySegment positions) {
    MemorySegment pages = pool.pages();
    MemorySegment.copy(
        pages, layout.position(page, 0), positions, index * positionBytes(), positionBytes());
    if (layout.blocked()) {
      for (int slot = 0; slot < pageSize; slot += BLOCK) {
        MemorySegment.copy(
            pages, ValueLayout.JAVA_INT, layout.key(page, slot), block, 0, block.length);
        tile.toRows(block, rows);
        MemorySegment.copy(
            rows, 0, keys, ValueLayout.JAVA_INT_UNALIGNED, canonicalAt(index, slot), rows.length);
      }
    } else {
      exportRows(layout.key(page, 0), keys, canonicalAt(index, 0));
    }
    exportRows(layout.value(page, 0), values, canonicalAt(index, 0));
  }

  /** Copies the rows of a page out. */
  private void exportRows(long from, MemorySegment to, long at) {
    long row = (long) words * KvLayout.WORD;
    if (row == layout.rowBytes()) {
      MemorySegment.copy(pool.pages(), from, to, at, pageSize * row);
      return;
    }
    for (int slot = 0; slot < pageSize; slot++) {
      long padded = from + (long) slot * layout.rowBytes();
      MemorySegment.copy(pool.pages(), padded, to, at + slot * row, row);
    }
  }

  /** Copies a page in, from entry {@code index} of each tensor. */
  void importPage(
      int page, int index, MemorySegment keys, MemorySegment values, MemorySegment positions) {
    MemorySegment pages = pool.pages();
    MemorySegment.copy(
        positions, index * positionBytes(), pages, layout.position(page, 0), positionBytes());
    boolean finite = true;
    for (int slot = 0; slot < pageSize; slot += BLOCK) {
      int count = Math.min(BLOCK, pageSize - slot) * words;
      long at = canonicalAt(index, slot);
      MemorySegment.copy(keys, ValueLayout.JAVA_INT_UNALIGNED, at, rows, 0, count);
      finite &= pool.kernels().areFinite(rows, count);
      if (layout.blocked()) {
        tile.toBlock(rows, block);
        MemorySegment.copy(
            block, 0, pages, ValueLayout.JAVA_INT, layout.key(page, slot), block.length);
      } else {
        importRows(layout.key(page, slot), count);
      }
      MemorySegment.copy(values, ValueLayout.JAVA_INT_UNALIGNED, at, rows, 0, count);
      finite &= pool.kernels().areFinite(rows, count);
      importRows(layout.value(page, slot), count);
    }
    pool.imported(page, finite);
  }

  /** Copies rows in. */
  private void importRows(long to, int count) {
    int step = layout.rowBytes() == words * KvLayout.WORD ? count : words;
    for (int from = 0; from < count; from += step) {
      long at = to + (long) from / words * layout.rowBytes();
      MemorySegment.copy(rows, from, pool.pages(), ValueLayout.JAVA_INT, at, step);
    }
  }
}
