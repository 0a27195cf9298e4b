package dev.warpwright.kernels.cpu.attention;

import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.attention.Masking;
import dev.warpwright.kernels.attention.PageTables;
import dev.warpwright.kernels.attention.PagedDecode;
import dev.warpwright.kernels.attention.Rope;
import dev.warpwright.kernels.attention.SlotArray;
import org.jspecify.annotations.Nullable;

/** The formula of {@link PagedDecode} for one query head of one token, in double. */
final class RowAttentionReference {
  private final KvPoolReference pool;
  private final Rope rope;
  private final float scale;
  private final Masking masking;
  private final double[] query;
  private double[] weights = new double[0];
  private double sum;

  // The row that was read last.
  private int length;
  private int[] positions = new int[0];
  private float[] biases = new float[0];
  private float[][] keys = new float[0][0];
  private float[][] values = new float[0][0];

  RowAttentionReference(KvPoolReference pool, Rope rope, float scale, Masking masking) {
    this.pool = pool;
    this.rope = rope;
    this.scale = scale;
    this.masking = masking;
    this.query = new double[pool.spec().headDim()];
  }

  /** Bytes of the scratch memory. */
  long bytes() {
    long slotBytes = Double.BYTES + Integer.BYTES + (1 + 2L * query.length) * Float.BYTES;
    return (long) Double.BYTES * query.length + slotBytes * weights.length;
  }

  /** Makes room for rows of {@code length} slots. */
  void reserve(int length) {
    if (weights.length < length) {
      weights = new double[length];
      positions = new int[length];
      biases = new float[length];
      keys = new float[length][query.length];
      values = new float[length][query.length];
    }
  }

  /**
   * Reads the slots of a row, which the next calls are about.
   *
   * @param slotBias numbers that are added to the slots' logits; null for none
   */
  void readRow(PageTables batch, int row, @Nullable SlotArray slotBias) {
    length = batch.length(row);
    for (int slot = 0; slot < length; slot++) {
      int page = batch.page(row, slot / batch.pageSize());
      int inPage = slot % batch.pageSize();
      positions[slot] = pool.position(page, inPage);
      biases[slot] = slotBias == null ? 0 : slotBias.tensor().getFloat(slotBias.at(page, inPage));
      for (int dim = 0; dim < query.length; dim++) {
        keys[slot][dim] = pool.key(page, inPage, dim);
        values[slot][dim] = pool.value(page, inPage, dim);
      }
    }
  }

  /**
   * Computes entry {@code index} of {@code out} and {@code lse}, both counted in (token, query
   * head), from the same entry of {@code q}, the slots of the row, and the query's position.
   *
   * @param slope of ALiBi, 0 for none
   * @param sink a logit that enters the denominator, −∞ for none
   */
  void attend(
      int position,
      long index,
      double slope,
      double sink,
      Tensor q,
      Tensor out,
      @Nullable Tensor lse) {
    readQuery(q, index, position);
    double most = sink;
    for (int slot = 0; slot < length; slot++) {
      weights[slot] = logit(slot, position, slope);
      most = Math.max(most, weights[slot]);
    }
    boolean empty = most == Double.NEGATIVE_INFINITY;
    sum = empty ? 1 : Math.exp(sink - most);
    for (int slot = 0; slot < length; slot++) {
      // A masked weight is 0 even where the largest logit is no number.
      boolean masked = weights[slot] == Double.NEGATIVE_INFINITY;
      weights[slot] = masked ? 0 : Math.exp(weights[slot] - most);
      sum += weights[slot];
    }
    for (int dim = 0; dim < query.length; dim++) {
      double value = 0;
      for (int slot = 0; slot < length; slot++) {
        // A masked value must not even be multiplied: 0 times an infinity is not 0.
        if (weights[slot] != 0) {
          value += weights[slot] * values[slot][dim];
        }
      }
      out.setFloat(index * query.length + dim, (float) (value / sum));
    }
    if (lse != null) {
      lse.setFloat(index, empty ? Float.NEGATIVE_INFINITY : (float) (most + Math.log(sum)));
    }
  }

  /** exp(logit − lse) of a slot for the query that attended last; 0 where it is masked. */
  double score(int slot) {
    return weights[slot] / sum;
  }

  /** Reads entry {@code index} of {@code q}, counted in (token, query head), and rotates it. */
  void readQuery(Tensor q, long index, int position) {
    for (int dim = 0; dim < query.length; dim++) {
      query[dim] = q.getFloat(index * query.length + dim);
    }
    Rotation.rotate(rope, position, query);
  }

  /** The logit of one slot for the query that was read last; −∞ where it is masked. */
  double logit(int slot, int position, double slope) {
    int keyPosition = positions[slot];
    boolean future = masking.causal() && keyPosition > position;
    boolean past = masking.window() >= 0 && keyPosition < (long) position - masking.window();
    if (future || past) {
      return Double.NEGATIVE_INFINITY;
    }
    double sum = 0;
    for (int dim = 0; dim < query.length; dim++) {
      sum += query[dim] * keys[slot][dim];
    }
    double logit = scale * sum;
    double capped =
        masking.softCap() == 0 ? logit : masking.softCap() * Math.tanh(logit / masking.softCap());
    return capped + slope * (keyPosition - (long) position) + biases[slot];
  }
}
