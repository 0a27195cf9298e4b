package dev.warpwright.kernels.cpu.attention;

import dev.warpwright.kernels.KernelDevice;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.attention.RmsNorm;
import dev.warpwright.kernels.attention.RmsNormSpec;

/** The formula of {@link RmsNorm}. */
final class RmsNormReference extends RmsNorm {
  RmsNormReference(KernelDevice device, RmsNormSpec spec) {
    super(device, spec, 0);
  }

  @Override
  protected void execute(int rows, Tensor x, Tensor weight, Tensor y) {
    int columns = spec().columns();
    for (long row = 0; row < rows; row++) {
      double squares = 0;
      for (int c = 0; c < columns; c++) {
        double value = x.getFloat(row * columns + c);
        squares += value * value;
      }
      double rms = Math.sqrt(squares / columns + spec().epsilon());
      for (int c = 0; c < columns; c++) {
        y.setFloat(
            row * columns + c, (float) (x.getFloat(row * columns + c) / rms * weight.getFloat(c)));
      }
    }
  }

  @Override
  protected void release() {}
}
