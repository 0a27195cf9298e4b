package dev.warpwright.kernels.cpu.sparse;

import dev.warpwright.kernels.cpu.HostDevice;
import dev.warpwright.kernels.sparse.PreparedMatrix;
import dev.warpwright.kernels.sparse.WeightMatrix;

/** All weights as F32; every format decodes to F32 exactly. */
public final class ReferenceMatrix extends PreparedMatrix {
  private float[][] weights;

  /** Decodes {@code matrix}. */
  public ReferenceMatrix(HostDevice device, WeightMatrix matrix) {
    super(device, matrix, 4L * matrix.rows() * matrix.columns());
    weights = new float[matrix.rows()][matrix.columns()];
    for (int n = 0; n < weights.length; n++) {
      matrix.decodeRow(n, weights[n]);
    }
  }

  /** Row {@code n} of W. */
  public float[] row(int n) {
    return weights[n];
  }

  @Override
  protected void release() {
    weights = new float[0][];
  }
}
