package dev.warpwright.kernels.cpu.moe;

import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.cpu.HostDevice;
import dev.warpwright.kernels.moe.Combine;
import dev.warpwright.kernels.moe.CombineSpec;

/** {@link Combine} as its formula says, summed in double. */
final class CombineReference extends Combine {
  CombineReference(HostDevice device, CombineSpec spec) {
    super(device, spec, 0);
  }

  @Override
  protected void execute(int tokens, Tensor h, Tensor slots, Tensor weights, Tensor y) {
    long columns = spec().columns();
    int k = spec().topK();
    for (long t = 0; t < tokens; t++) {
      for (long c = 0; c < columns; c++) {
        double sum = 0;
        for (long f = t * k; f < (t + 1) * k; f++) {
          long slot = slots.getInt(f);
          if (slot >= 0) {
            sum += (double) weights.getFloat(f) * h.getFloat(slot * columns + c);
          }
        }
        y.setFloat(t * columns + c, (float) sum);
      }
    }
  }

  @Override
  protected void release() {}
}
