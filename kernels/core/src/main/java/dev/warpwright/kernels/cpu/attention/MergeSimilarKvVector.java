package dev.warpwright.kernels.cpu.attention;

import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.WorkerPool;
import dev.warpwright.kernels.attention.KvPool;
import dev.warpwright.kernels.attention.MergeSimilarKv;
import dev.warpwright.kernels.attention.MergeSimilarKvSpec;
import dev.warpwright.kernels.attention.PageTables;
import dev.warpwright.kernels.attention.SlotArray;
import dev.warpwright.kernels.cpu.HostDevice;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * Merges slots; one chunk of work is one row. Each key is read from memory once to find the sets;
 * those of a set are read again, out of the cache, to be merged.
 */
final class MergeSimilarKvVector extends MergeSimilarKv {
  private final WorkerPool workers;
  private final KvPoolVector pages;
  private final Scratch[] scratches;

  // The arguments of the run that is under way: fields, so that a run makes no closure.
  private final WorkerPool.ChunkTask mergeRow = this::mergeRow;
  private PageTables batch = new PageTables(1, 1, 1);
  private int layer;
  private MemorySegment scores = MemorySegment.NULL;
  private MemorySegment kept = MemorySegment.NULL;
  private Tensor lengths;

  /** What a thread needs. */
  private static final class Scratch {
    private final KeyLikeness likeness;
    private final KeyBlock block;
    private final KeySet set;
    private final float[] key;
    private final int[] positions = new int[Lanes.BLOCK];

    Scratch(KvPoolVector pool) {
      int headDim = pool.spec().headDim();
      likeness = new KeyLikeness(headDim);
      block = new KeyBlock(pool);
      set = new KeySet(pool);
      key = new float[headDim];
    }

    long bytes() {
      return likeness.bytes()
          + block.bytes()
          + set.bytes()
          + (long) Float.BYTES * key.length
          + (long) Integer.BYTES * positions.length;
    }
  }

  MergeSimilarKvVector(
      HostDevice device, MergeSimilarKvSpec spec, KvPool pool, SlotArray logCounts) {
    super(device, spec, pool, logCounts, 0);
    workers = device.pool();
    pages = (KvPoolVector) pool;
    scratches = new Scratch[workers.threads()];
    for (int i = 0; i < scratches.length; i++) {
      scratches[i] = new Scratch(pages);
    }
    lengths = logCounts.tensor();
    workspaceIs(scratches.length * scratches[0].bytes());
  }

  @Override
  protected void prepare(PageTables next) {
    long bytes = 0;
    for (Scratch scratch : scratches) {
      scratch.set.reserve(next.maxLength());
      bytes += scratch.bytes();
    }
    workspaceIs(bytes);
  }

  @Override
  protected void execute(
      PageTables step, int ofLayer, Tensor ofScores, Tensor toKept, Tensor toLengths) {
    batch = step;
    layer = ofLayer;
    scores = ofScores.segment();
    kept = toKept.segment();
    lengths = toLengths;
    workers.run(step.requests() * heads().kvHeads(), mergeRow);
  }

  private void mergeRow(int chunk, int worker) {
    int row = batch.rowOf(layer, 0, 0) + chunk;
    int next = batch.nextPosition(chunk / heads().kvHeads());
    int length = batch.length(row);
    long start = batch.slotStart(row);
    Scratch scratch = scratches[worker];
    scratch.likeness.begin();
    int count = 0;
    int from = 0;
    boolean free = false;
    // Merging writes a slot of a set that is complete: what the next sets are found by is read on.
    for (int slot = 0; slot < length; ) {
      int taken = take(row, slot, length, scratch);
      for (int i = 0; i < taken; i++, slot++) {
        boolean freeBefore = free;
        free = !spec().isProtected(scratch.positions[i], next);
        boolean together = free && freeBefore && scratch.likeness.isLike(i, spec().threshold());
        if (slot > 0 && !together) {
          keep(start + count++, complete(scratch.set, row, start, from, slot));
          from = slot;
        }
      }
    }
    if (length > 0) {
      keep(start + count++, complete(scratch.set, row, start, from, length));
    }
    lengths.setInt(chunk, count);
    for (int i = count; i < length; i++) {
      keep(start + i, -1);
    }
  }

  private void keep(long at, int slot) {
    kept.set(ValueLayout.JAVA_INT_UNALIGNED, at * Integer.BYTES, slot);
  }

  /** Compares the slots from one on with those before them; returns how many. */
  private int take(int row, int slot, int length, Scratch scratch) {
    int page = batch.page(row, slot / batch.pageSize());
    int inPage = slot % batch.pageSize();
    int count = 1;
    if (inPage % Lanes.BLOCK == 0 && KeyBlock.takes(pages, page)) {
      count = Math.min(Lanes.BLOCK, length - slot);
      scratch.block.load(page, inPage);
      scratch.likeness.next(scratch.block.elements(), count);
    } else {
      pages.getKey(page, inPage, scratch.key);
      scratch.likeness.next(scratch.key);
    }
    long at = pages.layout().position(page, inPage);
    MemorySegment.copy(pages.pages(), ValueLayout.JAVA_INT, at, scratch.positions, 0, count);
    return count;
  }

  /** Merges a set of slots, if there are several; returns the pivot. */
  private int complete(KeySet set, int row, long start, int from, int to) {
    int pivot = from;
    if (to - from > 1) {
      int best = RadixSelect.key(score(start + from));
      for (int slot = from + 1; slot < to; slot++) {
        int key = RadixSelect.key(score(start + slot));
        if (Integer.compareUnsigned(key, best) > 0) {
          best = key;
          pivot = slot;
        }
      }
      set.merge(batch, row, from, to, pivot, logCounts());
    }
    return pivot;
  }

  private float score(long at) {
    return scores.get(ValueLayout.JAVA_FLOAT_UNALIGNED, at * Float.BYTES);
  }

  @Override
  protected void release() {}
}
