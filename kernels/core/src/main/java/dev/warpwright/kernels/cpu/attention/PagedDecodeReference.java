package dev.warpwright.kernels.cpu.attention;

import dev.warpwright.kernels.KernelDevice;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.attention.KvPool;
import dev.warpwright.kernels.attention.PageTables;
import dev.warpwright.kernels.attention.PagedDecode;
import dev.warpwright.kernels.attention.PagedDecodeSpec;
import org.jspecify.annotations.Nullable;

/** The formula of {@link PagedDecode}. */
final class PagedDecodeReference extends PagedDecode {
  private final RowAttentionReference attention;

  PagedDecodeReference(KernelDevice device, PagedDecodeSpec spec, KvPool pool) {
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
  protected void execute(PageTables batch, int layer, Tensor q, Tensor out, @Nullable Tensor lse) {
    int queryHeads = heads().queryHeads();
    for (int request = 0; request < batch.requests(); request++) {
      for (int head = 0; head < queryHeads; head++) {
        attention.attend(
            batch,
            batch.rowOf(layer, request, head / heads().group()),
            batch.firstPosition(request),
            (long) request * queryHeads + head,
            q,
            out,
            lse);
      }
    }
  }

  @Override
  protected void release() {}
}
