package dev.warpwright.kernels.cpu.attention;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;

/**
 * Scores of the keys of a decode step. While a split is attended to, its logits are kept; when
 * denominators of whole rows are known, they become scores, summed over the group in the order of
 * its heads.
 */
final class DecodeScores {
  private final int group;
  private final float factor;

  /** Logits of each split of a layer: {@code [group, stride]}. */
  private float[][] logits = new float[0][];

  /** The same for C kernels: made once, so that a run makes none. */
  private MemorySegment[] segments = new MemorySegment[0];

  /**
   * Scores of groups of {@code group} query heads, multiplied with {@code factor}; none are kept
   * when it is 0.
   */
  DecodeScores(int group, float factor) {
    this.group = group;
    this.factor = factor;
  }

  /** Keeps nothing. */
  static DecodeScores none() {
    return new DecodeScores(0, 0);
  }

  /** Bytes of the kept logits. */
  long bytes() {
    long floats = 0;
    for (float[] split : logits) {
      floats += split.length;
    }
    return Float.BYTES * floats;
  }

  /** Makes room for splits whose longest has {@code slots} slots. */
  void reserve(int splits, int slots) {
    if (factor == 0) {
      return;
    }
    int stride = (slots + SlotKernels.CHUNK - 1) / SlotKernels.CHUNK * SlotKernels.CHUNK;
    if (logits.length < splits || (splits > 0 && logits[0].length < group * stride)) {
      logits = new float[Math.max(splits, logits.length)][group * stride];
      segments = Arrays.stream(logits).map(MemorySegment::ofArray).toArray(MemorySegment[]::new);
    }
  }

  /** Where the logits of a split are kept, {@code [group, stride]}; null where none are. */
  MemorySegment logits(int split) {
    return factor == 0 ? MemorySegment.NULL : segments[split];
  }

  /** Floats from a column of a split to the next. */
  int stride(int split) {
    return factor == 0 ? 0 : logits[split].length / group;
  }

  /** Keeps logits of one column of a split: {@code count} from {@code at} on of {@code from}. */
  void keep(int split, int column, int slot, float[] from, int at, int count) {
    if (factor != 0) {
      System.arraycopy(from, at, logits[split], column * stride(split) + slot, count);
    }
  }

  /** Keeps that no column sees {@code count} slots of a split. */
  void keepHidden(int split, int slot, int count) {
    for (int column = 0; column < group && factor != 0; column++) {
      int at = column * stride(split) + slot;
      Arrays.fill(logits[split], at, at + count, Float.NEGATIVE_INFINITY);
    }
  }

  /**
   * Writes the scores of one split.
   *
   * @param slots slots of the split
   * @param most the largest logit of the row for each column, from {@code at} on
   * @param sums Σ exp(logit − most) of the row, sinks included
   * @param scores all scores of the layer
   * @param first where those of the split begin
   */
  void write(
      int split, int slots, float[] most, float[] sums, int at, MemorySegment scores, long first) {
    float[] kept = logits[split];
    int stride = stride(split);
    for (int column = 0; column < group; column++) {
      int from = column * stride;
      for (int i = from; i < from + slots; i += Lanes.COUNT) {
        FloatVector logit = FloatVector.fromArray(Lanes.F, kept, i);
        // A masked score is 0 even where the largest logit is no number.
        logit
            .sub(most[at + column])
            .blend(
                Float.NEGATIVE_INFINITY, logit.compare(VectorOperators.EQ, Float.NEGATIVE_INFINITY))
            .intoArray(kept, i);
      }
      Exp.exp(kept, from, from + slots);
    }
    for (int slot = 0; slot < slots; slot += Lanes.COUNT) {
      FloatVector total = FloatVector.zero(Lanes.F);
      for (int column = 0; column < group; column++) {
        FloatVector e = FloatVector.fromArray(Lanes.F, kept, column * stride + slot);
        FloatVector p = e.div(sums[at + column]);
        total = total.add(p.blend(0, e.compare(VectorOperators.EQ, 0)));
      }
      // What the first column has for these slots was read: scores take its place.
      total.mul(factor).intoArray(kept, slot);
    }
    MemorySegment.copy(
        kept, 0, scores, ValueLayout.JAVA_FLOAT_UNALIGNED, first * Float.BYTES, slots);
  }
}
