package dev.warpwright.kernels.cpu.moe;

import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.cpu.HostDevice;
import dev.warpwright.kernels.moe.ExpertMatmul;
import dev.warpwright.kernels.moe.ExpertMatmulSpec;
import dev.warpwright.kernels.moe.PreparedExperts;
import org.jspecify.annotations.Nullable;

/** {@link ExpertMatmul} as its formula says, in double. */
final class ExpertMatmulReference extends ExpertMatmul {
  ExpertMatmulReference(HostDevice device, ExpertMatmulSpec spec) {
    super(device, spec, 0);
  }

  @Override
  protected void execute(
      PreparedExperts w, int slots, Tensor offsets, @Nullable Tensor order, Tensor x, Tensor y) {
    PreparedExpertsReference experts = (PreparedExpertsReference) w;
    for (int e = 0; e < spec().experts(); e++) {
      for (int slot = offsets.getInt(e); slot < offsets.getInt(e + 1); slot++) {
        int choice = order == null ? slot : order.getInt(slot);
        if (choice < 0) {
          continue;
        }
        long row = spec().topK() == 0 ? slot : choice / spec().topK();
        for (int n = 0; n < spec().outputs(); n++) {
          y.setFloat((long) slot * spec().outputs() + n, (float) output(experts, e, n, x, row));
        }
      }
    }
  }

  private double output(PreparedExpertsReference w, int expert, int n, Tensor x, long row) {
    double gate = dot(w.gate(expert, n), x, row);
    return switch (spec().activation()) {
      case NONE -> gate;
      case SWIGLU -> gate / (1 + Math.exp(-gate)) * dot(w.up(expert, n), x, row);
      case GEGLU -> gate * (1 + erf(gate / Math.sqrt(2))) / 2 * dot(w.up(expert, n), x, row);
    };
  }

  private static double dot(float[] weights, Tensor x, long row) {
    double sum = 0;
    for (int k = 0; k < weights.length; k++) {
      sum += (double) weights[k] * x.getFloat(row * weights.length + k);
    }
    return sum;
  }

  /** 2/√π · exp(−x²) · Σ_n 2ⁿ x²ⁿ⁺¹ / (2n+1)!!, a series without cancellation. */
  static double erf(double x) {
    if (Math.abs(x) > 6) {
      return Math.signum(x);
    }
    double term = x;
    double sum = x;
    for (int n = 1; Math.abs(term) > 1e-17 * Math.abs(sum); n++) {
      term *= 2 * x * x / (2 * n + 1);
      sum += term;
    }
    return 2 / Math.sqrt(Math.PI) * Math.exp(-x * x) * sum;
  }

  @Override
  protected void release() {}
}
