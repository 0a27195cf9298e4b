package dev.warpwright.kernels.cpu.attention;

import dev.warpwright.kernels.KernelDevice;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.attention.AttentionBias;
import dev.warpwright.kernels.attention.KvPool;
import dev.warpwright.kernels.attention.PageTables;
import dev.warpwright.kernels.attention.PagedPrefill;
import dev.warpwright.kernels.attention.PagedPrefillSpec;
import org.jspecify.annotations.Nullable;

/** The formula of {@link PagedPrefill}. */
final class PagedPrefillReference extends PagedPrefill {
  private final RowAttentionReference attention;

  PagedPrefillReference(KernelDevice device, PagedPrefillSpec spec, KvPool pool) {
    super(device, spec, pool, 0);
    attention =
        new RowAttentionReference(
            (KvPoolReference) pool, spec.rope(), spec.scale(), spec.masking());
  }

  @Override
  protected void prepare(PageTables batch) {
    attention.reserve(batch.maxLength());
    workspaceIs(attention.bytes());
  }

  @Override
  protected void execute(
      PageTables batch, int layer, Tensor q, AttentionBias bias, Tensor out, @Nullable Tensor lse) {
    int group = heads().group();
    for (int request = 0; request < batch.requests(); request++) {
      for (int kvHead = 0; kvHead < heads().kvHeads(); kvHead++) {
        attention.readRow(batch, batch.rowOf(layer, request, kvHead), bias.slotBias());
        for (int i = 0; i < batch.newTokens(request); i++) {
          for (int head = kvHead * group; head < (kvHead + 1) * group; head++) {
            attention.attend(
                batch.position(request, i),
                (batch.tokenStart(request) + (long) i) * heads().queryHeads() + head,
                Biases.slope(bias, head),
                Biases.sink(bias, head),
                q,
                out,
                lse);
          }
        }
      }
    }
  }

  @Override
  protected void release() {}
}
