package dev.warpwright.kernels.sparse;

import dev.warpwright.kernels.Checks;
import dev.warpwright.kernels.Tensor;

/** Scores groups by Σ|w| and rounds each weight to its nearest code. */
record MagnitudeRounding(Grouping grouping) implements Pruning.Method {
  @Override
  public void score(float[] row, double[] scores, int at) {
    for (int k = 0; k < row.length; k++) {
      scores[at + k / grouping.size()] += Math.abs(Checks.finite("weight", row[k]));
    }
  }

  @Override
  public void encode(float[] row, int[] kept, Tensor codes, Tensor scales, long at) {
    for (int i = 0; i < kept.length; i++) {
      GroupCodes.encode(grouping, row, kept[i] * grouping.size(), codes, scales, at + i);
    }
  }
}
