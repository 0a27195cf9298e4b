package dev.warpwright.tornado.attention;

import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.attention.AttentionBias;
import dev.warpwright.kernels.attention.Heads;
import dev.warpwright.kernels.attention.Masking;
import dev.warpwright.tornado.Staged;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;

/** The real numbers that {@link AttentionKernel} needs, in one array. */
final class StepReals {
  private StepReals() {}

  /** An array for up to {@code tokens} query tokens. */
  static FloatArray allocate(Heads heads, int tokens, int pairs) {
    return Staged.floats(AttentionKernel.REALS + 2L * heads.queryHeads() + 2L * tokens * pairs);
  }

  /** Fills an array; {@code factor} is what sums of scores are multiplied with. */
  static void fill(
      FloatArray reals,
      Heads heads,
      float scale,
      Masking masking,
      float factor,
      AttentionBias bias,
      RotationTornado rotation) {
    Staged.in(reals, scale, masking.softCap(), factor);
    int queryHeads = heads.queryHeads();
    Tensor slopes = bias.slopes();
    Tensor sinks = bias.sinkLogits();
    for (int head = 0; head < queryHeads; head++) {
      reals.set(AttentionKernel.REALS + head, slopes == null ? 0 : slopes.getFloat(head));
      reals.set(
          AttentionKernel.REALS + queryHeads + head,
          sinks == null ? Float.NEGATIVE_INFINITY : sinks.getFloat(head));
    }
    float[] table = rotation.table();
    long at = (AttentionKernel.REALS + 2L * queryHeads) * Float.BYTES;
    MemorySegment.copy(
        table, 0, reals.getSegment(), ValueLayout.JAVA_FLOAT_UNALIGNED, at, table.length);
  }
}
