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

/**
 * Chooses slots by radix selection; one chunk of work is one row. Protected slots take the highest
 * of all keys, so that they come first, by their order.
 */
final class SelectTokensVector extends SelectTokens {
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
    int request = chunk / heads().kvHeads();
    int length = batch.length(row);
    int next = batch.nextPosition(request);
    long start = batch.slotStart(row);
    int[] rowKeys = keys[worker];
    for (int slot = 0; slot < length; slot++) {
      int position =
          pages.position(batch.page(row, slot / batch.pageSize()), slot % batch.pageSize());
      rowKeys[slot] =
          spec().isProtected(position, next)
              ? RadixSelect.HIGHEST
              : RadixSelect.key(
                  scores.get(ValueLayout.JAVA_FLOAT_UNALIGNED, (start + slot) * Float.BYTES));
    }
    int budget = budgets.get(ValueLayout.JAVA_INT_UNALIGNED, (long) chunk * Integer.BYTES);
    int count = Math.min(budget, length);
    RadixSelect select = selects[worker];
    select.find(rowKeys, length, count);
    long at = start;
    int ties = select.ties();
    for (int slot = 0; slot < length && count > 0; slot++) {
      boolean tie = rowKeys[slot] == select.least();
      if (tie ? ties > 0 : Integer.compareUnsigned(rowKeys[slot], select.least()) > 0) {
        ties -= tie ? 1 : 0;
        kept.set(ValueLayout.JAVA_INT_UNALIGNED, at++ * Integer.BYTES, slot);
      }
    }
    for (; at < start + length; at++) {
      kept.set(ValueLayout.JAVA_INT_UNALIGNED, at * Integer.BYTES, -1);
    }
  }

  @Override
  protected void release() {}
}
