package dev.warpwright.kernels.cpu.attention;

import dev.warpwright.kernels.KernelDevice;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.attention.MergeStates;
import dev.warpwright.kernels.attention.MergeStatesSpec;
import org.jspecify.annotations.Nullable;

/** The formula of {@link MergeStates}. */
final class MergeStatesReference extends MergeStates {
  MergeStatesReference(KernelDevice device, MergeStatesSpec spec) {
    super(device, spec, 0);
  }

  @Override
  protected void execute(int tokens, Tensor outs, Tensor lses, Tensor out, @Nullable Tensor lse) {
    int headDim = spec().headDim();
    long heads = (long) tokens * spec().queryHeads();
    for (long head = 0; head < heads; head++) {
      double most = Double.NEGATIVE_INFINITY;
      for (int state = 0; state < spec().states(); state++) {
        most = Math.max(most, lses.getFloat(state * heads + head));
      }
      double weights = 0;
      double[] sums = new double[headDim];
      for (int state = 0; state < spec().states(); state++) {
        double one = lses.getFloat(state * heads + head);
        if (one == Double.NEGATIVE_INFINITY) {
          continue;
        }
        double weight = Math.exp(one - most);
        if (weight == 0) {
          continue; // 0 times an infinity is not 0
        }
        weights += weight;
        for (int dim = 0; dim < headDim; dim++) {
          sums[dim] += weight * outs.getFloat((state * heads + head) * headDim + dim);
        }
      }
      for (int dim = 0; dim < headDim; dim++) {
        out.setFloat(head * headDim + dim, weights == 0 ? 0 : (float) (sums[dim] / weights));
      }
      if (lse != null) {
        lse.setFloat(head, (float) (most + Math.log(weights)));
      }
    }
  }

  @Override
  protected void release() {}
}
