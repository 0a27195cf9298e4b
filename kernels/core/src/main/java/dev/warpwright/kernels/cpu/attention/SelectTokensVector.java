package dev.warpwright.kernels.cpu.attention;

import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.WorkerPool;
import dev.warpwright.kernels.attention.KvPool;
import dev.warpwright.kernels.attention.PageTables;
import dev.warpwright.kernels.attention.SelectTokens;
import dev.warpwright.kernels.attention.SelectTokensSpec;
import dev.warpwright.kernels.cpu.HostDevice;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;

/**
 * Chooses slots by radix selection; one chunk of work is one row. Protected slots take the highest
 * of all keys, so that they come first, by their order.
 */
final class SelectTokensVector extends SelectTokens {
  private static final IntVector NUMBERS = IntVector.zero(Lanes.I).addIndex(1);

  private final WorkerPool workers;
  private final KvPoolVector pages;
  private final RadixSelect[] selects;

  /** Keys of the slots of a row, for each thread. */
  private int[][] keys;

  // The arguments of the run that is under way: fields, so that a run makes no closure.
  private final WorkerPool.ChunkTask choose = this::choose;
  private PageTables batch = new PageTables(1, 1, 1);
  private int layer;
  private MemorySegment scores = MemorySegment.NULL;
  private MemorySegment budgets = MemorySegment.NULL;
  private MemorySegment kept = MemorySegment.NULL;

  SelectTokensVector(HostDevice device, SelectTokensSpec spec, KvPool pool) {
    super(device, spec, pool, 0);
    workers = device.pool();
    pages = (KvPoolVector) pool;
    selects = new RadixSelect[workers.threads()];
    for (int i = 0; i < selects.length; i++) {
      selects[i] = new RadixSelect();
    }
    keys = new int[workers.threads()][0];
    workspaceIs(bytes());
  }

  private long bytes() {
    return workers.threads() * (selects[0].bytes() + (long) Integer.BYTES * keys[0].length);
  }

  @Override
  protected void prepare(PageTables next) {
    if (keys[0].length < next.maxLength()) {
      keys = new int[workers.threads()][next.maxLength()];
    }
    for (RadixSelect select : selects) {
      select.reserve(next.maxLength());
    }
    workspaceIs(bytes());
  }

  @Override
  protected void execute(
      PageTables step, int ofLayer, Tensor ofScores, Tensor ofBudgets, Tensor toKept) {
    batch = step;
    layer = ofLayer;
    scores = ofScores.segment();
    budgets = ofBudgets.segment();
    kept = toKept.segment();
    workers.run(step.requests() * heads().kvHeads(), choose);
  }

  private void choose(int chunk, int worker) {
    int row = batch.rowOf(layer, 0, 0) + chunk;
    int length = batch.length(row);
    long start = batch.slotStart(row) * Integer.BYTES;
    int[] rowKeys = keys[worker];
    int pageSize = batch.pageSize();
    for (int slot = 0; slot < length; slot += pageSize) {
      long positions = pages.layout().position(batch.page(row, slot / pageSize), 0);
      int count = Math.min(pageSize, length - slot);
      find(positions, start, slot, count, batch.nextPosition(chunk / heads().kvHeads()), rowKeys);
    }
    int budget = budgets.get(ValueLayout.JAVA_INT_UNALIGNED, (long) chunk * Integer.BYTES);
    RadixSelect select = selects[worker];
    select.find(rowKeys, length, Math.min(budget, length));
    int count = budget == 0 ? 0 : keep(rowKeys, length, select);
    Arrays.fill(rowKeys, count, length, -1);
    MemorySegment.copy(rowKeys, 0, kept, ValueLayout.JAVA_INT_UNALIGNED, start, length);
  }

  /** Finds the keys of the slots of a page. */
  private void find(long positions, long start, int slot, int count, int next, int[] rowKeys) {
    int prefix = spec().protectedPrefix();
    int recent = next - spec().recents();
    long scoresAt = start + (long) slot * Float.BYTES;
    int i = 0;
    for (; i + Lanes.COUNT <= count; i += Lanes.COUNT) {
      long at = (long) i * Integer.BYTES;
      FloatVector score =
          FloatVector.fromMemorySegment(Lanes.F, scores, scoresAt + at, Lanes.ORDER);
      IntVector bits = score.add(0f).reinterpretAsInts();
      IntVector position =
          IntVector.fromMemorySegment(Lanes.I, pages.pages(), positions + at, Lanes.ORDER);
      bits.lanewise(VectorOperators.ASHR, 31)
          .or(Integer.MIN_VALUE)
          .lanewise(VectorOperators.XOR, bits)
          .blend(0, score.compare(VectorOperators.NE, score).cast(Lanes.I))
          .blend(RadixSelect.HIGHEST, position.lt(prefix))
          .blend(RadixSelect.HIGHEST, position.compare(VectorOperators.GE, recent))
          .intoArray(rowKeys, slot + i);
    }
    for (; i < count; i++) {
      long at = (long) i * Integer.BYTES;
      rowKeys[slot + i] =
          spec().isProtected(pages.pages().get(ValueLayout.JAVA_INT, positions + at), next)
              ? RadixSelect.HIGHEST
              : RadixSelect.key(scores.get(ValueLayout.JAVA_FLOAT_UNALIGNED, scoresAt + at));
    }
  }

  /**
   * Puts the slots that are kept in the place of keys that were looked at; returns their number.
   */
  private static int keep(int[] rowKeys, int length, RadixSelect select) {
    int least = select.least();
    int ties = select.ties();
    int count = 0;
    int slot = 0;
    for (; slot + Lanes.COUNT <= length; slot += Lanes.COUNT) {
      IntVector key = IntVector.fromArray(Lanes.I, rowKeys, slot);
      VectorMask<Integer> above = key.compare(VectorOperators.UGT, least);
      VectorMask<Integer> equal = key.eq(least);
      int equals = equal.trueCount();
      if (equals <= ties) {
        ties -= equals;
        VectorMask<Integer> chosen = above.or(equal);
        // What is written behind those that are kept lies where keys were read before.
        NUMBERS.add(slot).compress(chosen).intoArray(rowKeys, count);
        count += chosen.trueCount();
      } else {
        int to = slot + Lanes.COUNT;
        count = keep(rowKeys, slot, to, least, ties, count);
        ties = 0;
      }
    }
    return keep(rowKeys, slot, length, least, ties, count);
  }

  /** The same for some slots, one by one. */
  private static int keep(int[] rowKeys, int from, int to, int least, int ties, int before) {
    int count = before;
    int left = ties;
    for (int slot = from; slot < to; slot++) {
      boolean tie = rowKeys[slot] == least && left-- > 0;
      if (tie || Integer.compareUnsigned(rowKeys[slot], least) > 0) {
        rowKeys[count++] = slot;
      }
    }
    return count;
  }

  @Override
  protected void release() {}
}
