package dev.warpwright.kernels.cpu.attention;

import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.attention.WindowStatistics;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;
import org.jspecify.annotations.Nullable;

/**
 * Sum, entropy, and for each head of a group mean and squared deviations (Welford's recurrence) of
 * probabilities that come row by row, for a chunk of slots side by side.
 */
final class SlotMoments {
  private static final int CHUNK = LogitTile.CHUNK;

  private final int group;
  private final float factor;
  private final float[] probabilities = new float[CHUNK];
  private final float[] logs = new float[CHUNK];
  private final float[] sums = new float[CHUNK];
  private final float[] entropies = new float[CHUNK];
  private final float[] means;
  private final float[] squares;

  /** For groups of {@code group} heads, whose sums are multiplied with {@code factor}. */
  SlotMoments(int group, float factor) {
    this.group = group;
    this.factor = factor;
    means = new float[group * CHUNK];
    squares = new float[group * CHUNK];
  }

  /** Bytes of the scratch memory. */
  long bytes() {
    return (long) Float.BYTES * (4L * CHUNK + means.length + squares.length);
  }

  /** Forgets all rows. */
  void begin() {
    Arrays.fill(sums, 0);
    Arrays.fill(entropies, 0);
    Arrays.fill(means, 0);
    Arrays.fill(squares, 0);
  }

  /**
   * Takes a row of one head.
   *
   * @param number of the row among those of the head, from 1 on
   * @param logits of all slots, from {@code at} on
   * @param lse their log-sum-exp
   */
  void add(int head, int number, float[] logits, int at, float lse) {
    for (int slot = 0; slot < CHUNK; slot += Lanes.COUNT) {
      FloatVector logit = FloatVector.fromArray(Lanes.F, logits, at + slot);
      VectorMask<Float> masked = logit.compare(VectorOperators.EQ, Float.NEGATIVE_INFINITY);
      FloatVector log = logit.sub(lse).min(0);
      log.blend(0, masked).intoArray(logs, slot);
      log.blend(Float.NEGATIVE_INFINITY, masked).intoArray(probabilities, slot);
    }
    Exp.exp(probabilities, 0, CHUNK);
    for (int slot = 0; slot < CHUNK; slot += Lanes.COUNT) {
      FloatVector log = FloatVector.fromArray(Lanes.F, logs, slot);
      FloatVector p = FloatVector.fromArray(Lanes.F, probabilities, slot);
      FloatVector.fromArray(Lanes.F, sums, slot).add(p).intoArray(sums, slot);
      FloatVector.fromArray(Lanes.F, entropies, slot).sub(p.mul(log)).intoArray(entropies, slot);
    }
    update(head, number);
  }

  /** Takes a row of one head that sees none of the slots. */
  void addNothing(int head, int number) {
    Arrays.fill(probabilities, 0);
    update(head, number);
  }

  private void update(int head, int number) {
    for (int slot = 0; slot < CHUNK; slot += Lanes.COUNT) {
      int at = head * CHUNK + slot;
      FloatVector p = FloatVector.fromArray(Lanes.F, probabilities, slot);
      FloatVector mean = FloatVector.fromArray(Lanes.F, means, at);
      FloatVector delta = p.sub(mean);
      FloatVector next = mean.add(delta.div(number));
      next.intoArray(means, at);
      FloatVector.fromArray(Lanes.F, squares, at)
          .add(delta.mul(p.sub(next)))
          .intoArray(squares, at);
    }
  }

  /** Writes the statistics of the first {@code count} slots over {@code rows} rows. */
  void write(WindowStatistics to, long first, int count, int rows) {
    for (int head = 1; head < group; head++) {
      for (int slot = 0; slot < count; slot++) {
        squares[slot] += squares[head * CHUNK + slot];
      }
    }
    write(to.sum(), first, count, sums, factor);
    write(to.mean(), first, count, sums, rows == 0 ? 0 : factor / rows);
    write(to.variance(), first, count, squares, rows < 2 ? 0 : factor / (rows - 1));
    write(to.entropy(), first, count, entropies, factor);
  }

  private static void write(
      @Nullable Tensor to, long first, int count, float[] values, float scale) {
    if (to != null) {
      MemorySegment segment = to.segment();
      for (int slot = 0; slot < count; slot++) {
        segment.set(
            ValueLayout.JAVA_FLOAT_UNALIGNED, (first + slot) * Float.BYTES, values[slot] * scale);
      }
    }
  }
}
