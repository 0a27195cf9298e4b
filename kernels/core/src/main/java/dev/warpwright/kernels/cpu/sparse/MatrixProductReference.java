package dev.warpwright.kernels.cpu.sparse;

import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.cpu.HostDevice;
import dev.warpwright.kernels.sparse.MatrixProduct;
import dev.warpwright.kernels.sparse.MatrixProductSpec;
import dev.warpwright.kernels.sparse.PreparedMatrix;

/** The formula, with the sum in double. */
final class MatrixProductReference extends MatrixProduct {
  MatrixProductReference(HostDevice device, MatrixProductSpec spec) {
    super(device, spec, 0);
  }

  @Override
  protected void execute(PreparedMatrix w, int rows, Tensor x, Tensor y) {
    ReferenceMatrix weights = (ReferenceMatrix) w;
    int inputs = w.columns();
    int outputs = w.rows();
    for (int m = 0; m < rows; m++) {
      for (int n = 0; n < outputs; n++) {
        float[] row = weights.row(n);
        double sum = 0;
        for (int k = 0; k < inputs; k++) {
          sum += (double) x.getFloat((long) m * inputs + k) * row[k];
        }
        y.setFloat((long) m * outputs + n, (float) sum);
      }
    }
  }

  @Override
  protected void release() {}
}
