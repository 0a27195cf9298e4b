package dev.warpwright.tornado.attention;

import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.attention.AttentionBias;
import dev.warpwright.kernels.attention.KvPool;
import dev.warpwright.kernels.attention.PageTables;
import dev.warpwright.kernels.attention.PagedPrefill;
import dev.warpwright.kernels.attention.PagedPrefillSpec;
import dev.warpwright.tornado.TornadoKernelDevice;
import org.jspecify.annotations.Nullable;

/** {@link PagedPrefill} by {@link AttentionKernel}. */
final class PagedPrefillTornado extends PagedPrefill {
  private final RotationTornado rotation;
  private final AttentionRows rows;

  PagedPrefillTornado(TornadoKernelDevice device, PagedPrefillSpec spec, KvPool pool) {
    super(device, spec, pool, 0);
    rotation = new RotationTornado(spec.rope(), Integer.MAX_VALUE);
    rows =
        new AttentionRows(
            (KvPoolTornado) pool, spec.heads(), spec.scale(), spec.masking(), rotation);
  }

  @Override
  protected void prepare(PageTables batch) {
    rotation.update(batch);
  }

  @Override
  protected void execute(
      PageTables batch, int layer, Tensor q, AttentionBias bias, Tensor out, @Nullable Tensor lse) {
    rows.run(batch, layer, q, bias, out, lse, null, 1);
  }

  @Override
  protected void release() {}
}
