package dev.warpwright.kernels.cpu.attention;

import dev.warpwright.kernels.attention.PageTables;
import dev.warpwright.kernels.attention.SlotArray;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorMask;

/**
 * One thread's scratch memory, and moves of slots to the beginning of a block. What lies in rows is
 * copied a run of neighbours at a time. Where keys lie in blocks, a word of neighbouring keys is
 * one vector: each vector that is written takes its lanes from those that are read.
 */
final class SlotMoves {
  private static final int BLOCK = Lanes.BLOCK;
  private static final int COUNT = Lanes.COUNT;

  private final KvPoolVector pool;
  private final KvLayout layout;
  private final int pageSize;
  private final int[] slots = new int[BLOCK];

  /** For each lane that is written the one that is read. */
  private final int[] lanes = new int[COUNT];

  SlotMoves(KvPoolVector pool) {
    this.pool = pool;
    layout = pool.layout();
    pageSize = pool.spec().pageSize();
  }

  /** Bytes of the scratch memory. */
  long bytes() {
    return (long) Integer.BYTES * (slots.length + lanes.length);
  }

  /**
   * Moves slots of a row.
   *
   * @param from the row before
   * @param kept numbers of slots in rising order, {@code count} of them, at most a block, from byte
   *     {@code at} on
   * @param page where they go, to the slots from {@code slot} on, the beginning of a block if there
   *     are blocks
   * @param index the page's own index in the row before, or −1 if it was not there
   */
  void move(
      PageTables from,
      int row,
      MemorySegment kept,
      long at,
      int count,
      int page,
      int slot,
      int index) {
    MemorySegment.copy(kept, ValueLayout.JAVA_INT_UNALIGNED, at, slots, 0, count);
    int self = index < 0 ? -1 : index * pageSize + slot;
    if (self >= 0 && slots[0] == self && slots[count - 1] == self + count - 1) {
      // Most slots of a protected prefix stay, and pages that are shared must not be written.
      return;
    }
    for (int i = 0; i < count; ) {
      int run = 1;
      int room = pageSize - slots[i] % pageSize;
      while (i + run < count && run < room && slots[i + run] == slots[i] + run) {
        run++;
      }
      if (self < 0 || slots[i] != self + i) {
        copyRows(from.page(row, slots[i] / pageSize), slots[i] % pageSize, page, slot + i, run);
      }
      i += run;
    }
    if (!layout.blocked()) {
      return;
    }
    if (count == BLOCK && slots[0] % BLOCK == 0 && slots[BLOCK - 1] == slots[0] + BLOCK - 1) {
      MemorySegment pages = pool.pages();
      long source = layout.key(from.page(row, slots[0] / pageSize), slots[0] % pageSize);
      long bytes = (long) BLOCK * layout.words() * KvLayout.WORD;
      MemorySegment.copy(pages, source, pages, layout.key(page, slot), bytes);
      return;
    }
    for (int i = 0; i < count; ) {
      int vector = slots[i] / COUNT;
      int first = i % COUNT;
      int to = first;
      while (i < count && slots[i] / COUNT == vector && to < COUNT) {
        lanes[to++] = slots[i++] % COUNT;
      }
      int fromSlot = vector * COUNT;
      long source = layout.key(from.page(row, fromSlot / pageSize), fromSlot % pageSize);
      copyLanes(source, layout.key(page, slot + i - to), first, to);
    }
  }

  /** Copies consecutive slots, all but keys that lie in blocks. */
  private void copyRows(int fromPage, int fromSlot, int toPage, int toSlot, int count) {
    MemorySegment pages = pool.pages();
    long rows = (long) count * layout.rowBytes();
    MemorySegment.copy(
        pages,
        layout.position(fromPage, fromSlot),
        pages,
        layout.position(toPage, toSlot),
        (long) count * Integer.BYTES);
    if (!layout.blocked()) {
      MemorySegment.copy(
          pages, layout.key(fromPage, fromSlot), pages, layout.key(toPage, toSlot), rows);
    }
    MemorySegment.copy(
        pages, layout.value(fromPage, fromSlot), pages, layout.value(toPage, toSlot), rows);
    pool.copied(fromPage, toPage);
    for (int i = 0; i < pool.arrayCount(); i++) {
      SlotArray array = pool.array(i);
      MemorySegment numbers = array.tensor().segment();
      MemorySegment.copy(
          numbers,
          array.at(fromPage, fromSlot) * Float.BYTES,
          numbers,
          array.at(toPage, toSlot) * Float.BYTES,
          (long) count * array.width() * Float.BYTES);
    }
  }

  /** Fills the lanes {@code first} (inclusive) to {@code end} (exclusive) of some keys' words. */
  private void copyLanes(long from, long to, int first, int end) {
    MemorySegment pages = pool.pages();
    IntVector source = IntVector.fromArray(Lanes.I, lanes, 0);
    VectorMask<Integer> written = VectorMask.fromLong(Lanes.I, (1L << end) - (1L << first));
    long step = layout.keyStride();
    for (int word = 0; word < layout.words(); word++) {
      IntVector moved =
          source.selectFrom(
              IntVector.fromMemorySegment(Lanes.I, pages, from + word * step, Lanes.ORDER));
      IntVector.fromMemorySegment(Lanes.I, pages, to + word * step, Lanes.ORDER)
          .blend(moved, written)
          .intoMemorySegment(pages, to + word * step, Lanes.ORDER);
    }
  }
}
