package dev.warpwright.bench;

import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.sparse.Grouping;
import dev.warpwright.kernels.sparse.WeightFormat;
import dev.warpwright.kernels.sparse.WeightMatrix;
import dev.warpwright.testkit.CaseRandom;
import dev.warpwright.testkit.CaseWeights;
import java.util.Collections;
import java.util.List;

/**
 * The layer that the expert benchmarks share: 32 experts, 4 a token, hidden size 2048, intermediate
 * size 1024. Consecutive tokens take different experts, so weights come from memory: the layer
 * holds 805 MB in F32 and 113 MB in W4.
 */
public final class MoeExperts {
  static final int EXPERTS = 32;
  static final int TOP_K = 4;
  static final int HIDDEN = 2048;
  static final int INTERMEDIATE = 1024;

  /** Formats of the weights. */
  public enum Format {
    /** Plain floats. */
    F32,
    /** 16-bit floats of the F32 exponent range. */
    BF16,
    /** 4-bit codes in groups of 32. */
    W4,
    /** The same in groups of 16, of which half are left out. */
    W4_SPARSE;

    private WeightFormat weights() {
      return switch (this) {
        case F32 -> new WeightFormat.Dense(DType.F32);
        case BF16 -> new WeightFormat.Dense(DType.BF16);
        case W4 -> new WeightFormat.Quant(Grouping.w4(32));
        case W4_SPARSE -> new WeightFormat.GroupSparse(Grouping.w4(16));
      };
    }

    /** The same random matrix for every expert: each gets a copy when it is prepared. */
    List<WeightMatrix> matrices(int outputs, int inputs) {
      return Collections.nCopies(
          EXPERTS, CaseWeights.matrix(new CaseRandom(1), outputs, inputs, weights()));
    }
  }

  private MoeExperts() {}

  /** Logits that send each token to experts which the tokens before and after do not take. */
  static float[] logits(int tokens, int first) {
    float[] logits = new float[tokens * EXPERTS];
    for (int t = 0; t < tokens; t++) {
      for (int j = 0; j < TOP_K; j++) {
        int expert = ((first + t) * TOP_K + j) % EXPERTS;
        logits[t * EXPERTS + expert] = 10 - j;
      }
    }
    return logits;
  }
}
