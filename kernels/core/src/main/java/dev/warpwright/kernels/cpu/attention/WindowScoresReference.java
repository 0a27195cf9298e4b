package dev.warpwright.kernels.cpu.attention;

import dev.warpwright.kernels.KernelDevice;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.attention.AttentionBias;
import dev.warpwright.kernels.attention.KvPool;
import dev.warpwright.kernels.attention.PageTables;
import dev.warpwright.kernels.attention.ScoreReduction;
import dev.warpwright.kernels.attention.WindowScores;
import dev.warpwright.kernels.attention.WindowScoresSpec;
import dev.warpwright.kernels.attention.WindowStatistics;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/** The formula of {@link WindowScores}. */
final class WindowScoresReference extends WindowScores {
  private final RowAttentionReference attention;

  /** Probabilities of one query head, {@code [rows, slots]}. */
  private double[] p = new double[0];

  // For each slot of a row, sums over the heads of a group.
  private double[] sums = new double[0];
  private double[] variances = new double[0];
  private double[] entropies = new double[0];

  WindowScoresReference(KernelDevice device, WindowScoresSpec spec, KvPool pool) {
    super(device, spec, pool, 0);
    attention =
        new RowAttentionReference(
            (KvPoolReference) pool, spec.rope(), spec.scale(), spec.masking());
  }

  @Override
  protected void prepare(PageTables batch) {
    attention.reserve(batch.maxLength());
    int rows = 0;
    for (int request = 0; request < batch.requests(); request++) {
      rows = Math.max(rows, rows(batch, request));
    }
    if (p.length < rows * batch.maxLength()) {
      p = new double[rows * batch.maxLength()];
    }
    if (sums.length < batch.maxLength()) {
      sums = new double[batch.maxLength()];
      variances = new double[batch.maxLength()];
      entropies = new double[batch.maxLength()];
    }
    workspaceIs(attention.bytes() + (long) Double.BYTES * (p.length + 3L * sums.length));
  }

  @Override
  protected void execute(
      PageTables batch,
      int layer,
      Tensor q,
      AttentionBias bias,
      Tensor lse,
      WindowStatistics result) {
    int group = heads().group();
    for (int request = 0; request < batch.requests(); request++) {
      for (int kvHead = 0; kvHead < heads().kvHeads(); kvHead++) {
        int row = batch.rowOf(layer, request, kvHead);
        attention.readRow(batch, row, bias.slotBias());
        Arrays.fill(sums, 0);
        Arrays.fill(variances, 0);
        Arrays.fill(entropies, 0);
        for (int head = kvHead * group; head < (kvHead + 1) * group; head++) {
          observe(batch, request, row, head, q, bias, lse);
        }
        write(batch, row, rows(batch, request), result);
      }
    }
  }

  /** Adds what one query head thinks of all slots. */
  private void observe(
      PageTables batch, int request, int row, int head, Tensor q, AttentionBias bias, Tensor lse) {
    int n = rows(batch, request);
    int length = batch.length(row);
    for (int i = 0; i < n; i++) {
      int inRequest = batch.newTokens(request) - n + i;
      long index = (batch.tokenStart(request) + (long) inRequest) * heads().queryHeads() + head;
      int position = batch.position(request, inRequest);
      attention.readQuery(q, index, position);
      for (int slot = 0; slot < length; slot++) {
        double logit = attention.logit(slot, position, Biases.slope(bias, head));
        double log = Math.min(0, logit - lse.getFloat(index));
        double probability = logit == Double.NEGATIVE_INFINITY ? 0 : Math.exp(log);
        p[i * length + slot] = probability;
        entropies[slot] -= probability == 0 ? 0 : probability * log;
      }
    }
    for (int slot = 0; slot < length; slot++) {
      double sum = 0;
      for (int i = 0; i < n; i++) {
        sum += p[i * length + slot];
      }
      double squares = 0;
      for (int i = 0; i < n; i++) {
        double deviation = p[i * length + slot] - sum / n;
        squares += deviation * deviation;
      }
      sums[slot] += sum;
      variances[slot] += n < 2 ? 0 : squares / (n - 1);
    }
  }

  private void write(PageTables batch, int row, int n, WindowStatistics result) {
    double factor = spec().reduction() == ScoreReduction.MEAN ? 1.0 / heads().group() : 1;
    for (int slot = 0; slot < batch.length(row); slot++) {
      long at = batch.slotStart(row) + slot;
      put(result.sum(), at, factor * sums[slot]);
      put(result.mean(), at, n == 0 ? 0 : factor * sums[slot] / n);
      put(result.variance(), at, factor * variances[slot]);
      put(result.entropy(), at, factor * entropies[slot]);
    }
  }

  private static void put(@Nullable Tensor to, long at, double value) {
    if (to != null) {
      to.setFloat(at, (float) value);
    }
  }

  @Override
  protected void release() {}
}
