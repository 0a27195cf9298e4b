package dev.warpwright.kernels.cpu.attention;

import dev.warpwright.kernels.KernelDevice;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.attention.AttentionBias;
import dev.warpwright.kernels.attention.KvPool;
import dev.warpwright.kernels.attention.PageTables;
import dev.warpwright.kernels.attention.PagedDecode;
import dev.warpwright.kernels.attention.PagedDecodeSpec;
import dev.warpwright.kernels.attention.ScoreReduction;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/** The formula of {@link PagedDecode}. */
final class PagedDecodeReference extends PagedDecode {
  private final RowAttentionReference attention;

  /** Scores of a row's slots. */
  private double[] sums = new double[0];

  PagedDecodeReference(KernelDevice device, PagedDecodeSpec spec, KvPool pool) {
    super(device, spec, pool, 0);
    attention =
        new RowAttentionReference(
            (KvPoolReference) pool, spec.rope(), spec.scale(), spec.masking());
  }

  @Override
  protected void prepare(PageTables batch) {
    attention.reserve(batch.maxLength());
    if (sums.length < batch.maxLength()) {
      sums = new double[batch.maxLength()];
    }
    workspaceIs(attention.bytes() + (long) Double.BYTES * sums.length);
  }

  @Override
  protected void execute(
      PageTables batch,
      int layer,
      Tensor q,
      AttentionBias bias,
      Tensor out,
      @Nullable Tensor lse,
      @Nullable Tensor scores) {
    int group = heads().group();
    for (int request = 0; request < batch.requests(); request++) {
      for (int kvHead = 0; kvHead < heads().kvHeads(); kvHead++) {
        int row = batch.rowOf(layer, request, kvHead);
        attention.readRow(batch, row, bias.slotBias());
        Arrays.fill(sums, 0);
        for (int head = kvHead * group; head < (kvHead + 1) * group; head++) {
          attention.attend(
              batch.firstPosition(request),
              (long) request * heads().queryHeads() + head,
              Biases.slope(bias, head),
              Biases.sink(bias, head),
              q,
              out,
              lse);
          for (int slot = 0; slot < batch.length(row); slot++) {
            sums[slot] += attention.score(slot);
          }
        }
        for (int slot = 0; slot < batch.length(row) && scores != null; slot++) {
          double score = spec().scores() == ScoreReduction.MEAN ? sums[slot] / group : sums[slot];
          scores.setFloat(batch.slotStart(row) + slot, (float) score);
        }
      }
    }
  }

  @Override
  protected void release() {}
}
