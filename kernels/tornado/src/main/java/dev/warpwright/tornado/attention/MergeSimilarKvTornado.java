package dev.warpwright.tornado.attention;

import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.attention.KvPool;
import dev.warpwright.kernels.attention.MergeSimilarKv;
import dev.warpwright.kernels.attention.MergeSimilarKvSpec;
import dev.warpwright.kernels.attention.PageTables;
import dev.warpwright.kernels.attention.Rope;
import dev.warpwright.kernels.attention.SlotArray;
import dev.warpwright.tornado.BySize;
import dev.warpwright.tornado.Staged;
import dev.warpwright.tornado.TornadoKernelDevice;
import java.lang.foreign.MemorySegment;

/**
 * {@link MergeSimilarKv}: the device computes what is summed over the elements of keys and values,
 * by {@link MergeKernel}; the host has scores and counts of the slots, finds sets and pivots, and
 * computes weights, so that these are the same on all devices.
 */
final class MergeSimilarKvTornado extends MergeSimilarKv {
  private static final RotationTornado NO_ROTATION = new RotationTornado(Rope.NONE, 0);

  private final KvPoolTornado pages;

  // What was found in the layer that is merged.
  private int members;
  private int sets;

  MergeSimilarKvTornado(
      TornadoKernelDevice device, MergeSimilarKvSpec spec, KvPool pool, SlotArray logCounts) {
    super(device, spec, pool, logCounts, 0);
    pages = (KvPoolTornado) pool;
  }

  @Override
  protected void prepare(PageTables batch) {}

  @Override
  protected void execute(PageTables batch, int layer, Tensor scores, Tensor kept, Tensor lengths) {
    int slots = Math.toIntExact(batch.slots(layer));
    synchronized (pages.program()) {
      MergeKernel kernel =
          pages.kernel(
              MergeKernel.class,
              BySize.capacity(slots, Integer.MAX_VALUE),
              size -> new MergeKernel(pages, size));
      if (slots > 0) {
        placeSlots(batch, layer, kernel);
        Staged.in(kernel.places, slots, heads().headDim());
        pages.program().run(kernel.compare, Staged.groups(slots));
      }
      findSets(batch, layer, kernel, scores, kept, lengths);
      if (sets > 0) {
        Staged.in(kernel.members, members, sets, heads().headDim());
        pages.program().run(kernel.measure, Staged.groups(members));
        weigh(kernel);
        pages.program().run(kernel.merge, Staged.groups((long) sets * heads().headDim()));
        store(kernel);
      }
    }
  }

  private void placeSlots(PageTables batch, int layer, MergeKernel kernel) {
    for (int row = batch.rowOf(layer, 0, 0); row < batch.rowOf(layer + 1, 0, 0); row++) {
      for (int slot = 0; slot < batch.length(row); slot++) {
        int at = Math.toIntExact(batch.slotStart(row)) + slot;
        int place = SlotNumbers.place(batch, row, slot);
        kernel.places.set(MergeKernel.PLACES + at, place);
        if (pages.isScaled()) {
          kernel.scales.set(2 * at, pages.keyScale(place));
          kernel.scales.set(2 * at + 1, pages.valueScale(place));
        }
      }
    }
  }

  /** Fills {@code kept} and {@code lengths}, and notes ends and members of all sets of several. */
  private void findSets(
      PageTables batch, int layer, MergeKernel kernel, Tensor scores, Tensor kept, Tensor lengths) {
    members = 0;
    sets = 0;
    int firstRow = batch.rowOf(layer, 0, 0);
    int[] ends = new int[Math.toIntExact(batch.slots(layer)) / 2];
    int[] slots = new int[2 * Math.toIntExact(batch.slots(layer))];
    for (int row = firstRow; row < batch.rowOf(layer + 1, 0, 0); row++) {
      int next = batch.nextPosition((row - firstRow) / batch.kvHeads());
      int begin = Math.toIntExact(batch.slotStart(row));
      int end = begin + batch.length(row);
      int count = 0;
      for (int from = begin; from < end; ) {
        int to = from + 1;
        while (to < end && belongTogether(kernel, to, next)) {
          to++;
        }
        int pivot = pivot(scores, from, to);
        if (to - from > 1) {
          for (int slot = from; slot < to; slot++) {
            slots[2 * members] = slot;
            slots[2 * members++ + 1] = pivot;
          }
          ends[sets++] = members;
        }
        kept.setInt(begin + count++, pivot - begin);
        from = to;
      }
      lengths.setInt(row - firstRow, count);
      for (int at = begin + count; at < end; at++) {
        kept.setInt(at, -1);
      }
    }
    for (int set = 0; set < sets; set++) {
      kernel.members.set(MergeKernel.MEMBERS + set, ends[set]);
    }
    for (int i = 0; i < 2 * members; i++) {
      kernel.members.set(MergeKernel.MEMBERS + sets + i, slots[i]);
    }
  }

  /** Whether a slot belongs to the one before it. */
  private boolean belongTogether(MergeKernel kernel, int slot, int next) {
    if (spec().isProtected(kernel.slotPositions.get(slot - 1), next)
        || spec().isProtected(kernel.slotPositions.get(slot), next)) {
      return false;
    }
    double first = kernel.products.get(2 * slot - 1);
    double second = kernel.products.get(2 * slot + 1);
    return first > 0
        && second > 0
        && kernel.products.get(2 * slot) >= spec().threshold() * Math.sqrt(first * second);
  }

  private static int pivot(Tensor scores, int from, int to) {
    int pivot = from;
    for (int slot = from + 1; slot < to; slot++) {
      float best = scores.getFloat(pivot);
      float score = scores.getFloat(slot);
      pivot = score > best || (Float.isNaN(best) && !Float.isNaN(score)) ? slot : pivot;
    }
    return pivot;
  }

  /** Weights from distances; the pivot of a set gets the number of its tokens. */
  private void weigh(MergeKernel kernel) {
    Tensor logs = logCounts().tensor();
    int from = 0;
    for (int set = 0; set < sets; set++) {
      int to = kernel.members.get(MergeKernel.MEMBERS + set);
      double variance = 0;
      for (int member = from; member < to; member++) {
        variance += kernel.distances.get(member);
      }
      variance /= to - from;
      double total = 0;
      double tokens = 0;
      for (int member = from; member < to; member++) {
        int place = place(kernel, kernel.members.get(MergeKernel.MEMBERS + sets + 2 * member));
        double count = Math.rint(Math.exp(logs.getFloat(place)));
        double distance = kernel.distances.get(member);
        double weight = variance == 0 ? count : count * Math.exp(-distance / (2 * variance));
        kernel.weights.set(member, weight);
        total += weight;
        tokens += count;
      }
      kernel.weights.set(members + set, total);
      logs.setFloat(pivotPlace(kernel, set), (float) Math.log(tokens));
      from = to;
    }
  }

  /** Puts the means into the slots of the pivots. */
  private void store(MergeKernel kernel) {
    SlotWrites writes = SlotWrites.of(pages, 1, NO_ROTATION.pairs(), sets);
    writes.begin(sets, NO_ROTATION, false);
    for (int set = 0; set < sets; set++) {
      writes.place(set, pivotPlace(kernel, set));
    }
    long bytes = (long) sets * heads().headDim() * Float.BYTES;
    MemorySegment.copy(kernel.mergedKeys.getSegment(), 0, writes.keys().getSegment(), 0, bytes);
    MemorySegment.copy(kernel.mergedValues.getSegment(), 0, writes.values().getSegment(), 0, bytes);
    writes.run();
  }

  private int pivotPlace(MergeKernel kernel, int set) {
    int last = kernel.members.get(MergeKernel.MEMBERS + set) - 1;
    return place(kernel, kernel.members.get(MergeKernel.MEMBERS + sets + 2 * last + 1));
  }

  private static int place(MergeKernel kernel, int slot) {
    return kernel.places.get(MergeKernel.PLACES + slot);
  }

  @Override
  protected void release() {}
}
