package dev.warpwright.tornado.attention;

import dev.warpwright.kernels.attention.AttentionBias;
import dev.warpwright.kernels.attention.PageTables;
import dev.warpwright.kernels.attention.SlotArray;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;

/**
 * What attention needs of each slot of a layer beside key, value and position, {@link #WIDTH}
 * numbers a slot: the scales of its key and of its value, and what is added to its logits.
 */
final class SlotNumbers {
  static final int WIDTH = 3;

  private SlotNumbers() {}

  /** Whether there are such numbers; without them scales are 1 and nothing is added. */
  static boolean wanted(KvPoolTornado pool, AttentionBias bias) {
    return pool.isScaled() || bias.slotBias() != null;
  }

  /** Fills an array in the order of {@link PageTables#slotStart}. */
  static void fill(
      FloatArray to, KvPoolTornado pool, PageTables batch, int layer, AttentionBias bias) {
    SlotArray added = bias.slotBias();
    for (int row = batch.rowOf(layer, 0, 0); row < batch.rowOf(layer + 1, 0, 0); row++) {
      for (int slot = 0; slot < batch.length(row); slot++) {
        int at = WIDTH * (Math.toIntExact(batch.slotStart(row)) + slot);
        int place = place(batch, row, slot);
        to.set(at, pool.keyScale(place));
        to.set(at + 1, pool.valueScale(place));
        to.set(at + 2, added == null ? 0 : added.tensor().getFloat(place));
      }
    }
  }

  /** Where a slot of a row is, counted over the slots of all pages. */
  static int place(PageTables batch, int row, int slot) {
    return batch.page(row, slot / batch.pageSize()) * batch.pageSize() + slot % batch.pageSize();
  }
}
