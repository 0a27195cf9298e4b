package dev.warpwright.kernels.cpu.sparse;

import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.cpu.HostDevice;
import dev.warpwright.kernels.sparse.Activations;
import dev.warpwright.kernels.sparse.MatrixProduct;
import dev.warpwright.kernels.sparse.MatrixProductSpec;
import dev.warpwright.kernels.sparse.PreparedMatrix;
import dev.warpwright.kernels.sparse.WeightFormat;

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
    double[] xm = new double[inputs];
    for (int m = 0; m < rows; m++) {
      for (int k = 0; k < inputs; k++) {
        xm[k] = x.getFloat((long) m * inputs + k);
      }
      if (spec().activations() == Activations.I8
          && spec().format() instanceof WeightFormat.Quant quant) {
        round(xm, quant.grouping().size());
      }
      for (int n = 0; n < outputs; n++) {
        float[] row = weights.row(n);
        double sum = 0;
        for (int k = 0; k < inputs; k++) {
          sum += xm[k] * row[k];
        }
        y.setFloat((long) m * outputs + n, (float) sum);
      }
    }
  }

  /** {@link Activations#I8}. */
  private static void round(double[] x, int group) {
    for (int from = 0; from < x.length; from += group) {
      int to = Math.min(from + group, x.length);
      double most = 0;
      for (int k = from; k < to; k++) {
        most = Math.max(most, Math.abs(x[k]));
      }
      float scale = (float) most / 127;
      for (int k = from; k < to; k++) {
        double code = scale == 0 ? 0 : Math.rint((float) x[k] / scale);
        x[k] = scale * Math.clamp(code, -127, 127);
      }
    }
  }

  @Override
  protected void release() {}
}
