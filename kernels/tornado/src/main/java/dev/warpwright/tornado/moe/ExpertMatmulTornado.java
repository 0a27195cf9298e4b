package dev.warpwright.tornado.moe;

import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.moe.ExpertMatmul;
import dev.warpwright.kernels.moe.ExpertMatmulSpec;
import dev.warpwright.kernels.moe.PreparedExperts;
import dev.warpwright.tornado.TornadoKernelDevice;
import dev.warpwright.tornado.sparse.Dots;
import org.jspecify.annotations.Nullable;
import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.math.TornadoMath;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/**
 * {@link ExpertMatmul} with one work item an output, which computes both products of its slot. The
 * sizes of both kernels are slots, outputs, elements of a padded row, the row of the first up
 * matrix, activation, and where the weights begin: their elements, or their rows, groups and codes,
 * after which words of a group and bits of a code follow.
 */
final class ExpertMatmulTornado extends ExpertMatmul {
  static final int SWIGLU = 1;
  static final int GEGLU = 2;

  ExpertMatmulTornado(TornadoKernelDevice device, ExpertMatmulSpec spec) {
    super(device, spec, 0);
  }

  /**
   * Weights as F32.
   *
   * @param items expert of each slot, or −1, and its row of x
   */
  static void denseExperts(
      KernelContext context,
      IntArray sizes,
      IntArray items,
      FloatArray weights,
      FloatArray x,
      FloatArray y) {
    int item = context.globalIdx;
    int outputs = sizes.get(1);
    int padded = sizes.get(2);
    int start = sizes.get(5);
    if (item < sizes.get(0) * outputs) {
      int slot = item / outputs;
      int expert = items.get(2 * slot);
      if (expert >= 0) {
        int row = expert * outputs + item - slot * outputs;
        int at = items.get(2 * slot + 1) * padded;
        float sum = Dots.dense(weights, start + row * padded, x, at, padded);
        if (sizes.get(4) > 0) {
          float up = Dots.dense(weights, start + (row + sizes.get(3)) * padded, x, at, padded);
          sum = gated(sum, up, sizes.get(4));
        }
        y.set(item, sum);
      }
    }
  }

  /** The same with weights in groups. */
  static void groupExperts(
      KernelContext context,
      IntArray sizes,
      IntArray items,
      IntArray starts,
      IntArray columns,
      IntArray codes,
      FloatArray scales,
      FloatArray zeros,
      FloatArray x,
      FloatArray y) {
    int item = context.globalIdx;
    int outputs = sizes.get(1);
    int groupsAt = sizes.get(6);
    int codesAt = sizes.get(7);
    int words = sizes.get(8);
    int bits = sizes.get(9);
    if (item < sizes.get(0) * outputs) {
      int slot = item / outputs;
      int expert = items.get(2 * slot);
      if (expert >= 0) {
        int row = sizes.get(5) + expert * outputs + item - slot * outputs;
        int at = items.get(2 * slot + 1) * sizes.get(2);
        float sum =
            Dots.groups(
                starts, columns, codes, scales, zeros, row, groupsAt, codesAt, x, at, words, bits,
                scales, 0, 0);
        if (sizes.get(4) > 0) {
          float up =
              Dots.groups(
                  starts,
                  columns,
                  codes,
                  scales,
                  zeros,
                  row + sizes.get(3),
                  groupsAt,
                  codesAt,
                  x,
                  at,
                  words,
                  bits,
                  scales,
                  0,
                  0);
          sum = gated(sum, up, sizes.get(4));
        }
        y.set(item, sum);
      }
    }
  }

  /** {@code act(a) · up}. */
  static float gated(float a, float up, int activation) {
    float share;
    if (activation == SWIGLU) {
      share = 1 / (1 + TornadoMath.exp(-a));
    } else {
      // Half of erfc(|z|), z = a/√2: t P(t) exp(−z²) with t = 1 / (1 + z/2), P by least squares at
      // Chebyshev nodes, off by 1e-7 of the value at most. Nothing cancels where a is negative.
      float z = TornadoMath.abs(a) * 0.70710677f;
      float t = 1 / (1 + z * 0.5f);
      float p = 0.043533828f;
      p = p * t - 0.23650752f;
      p = p * t + 0.49768725f;
      p = p * t - 0.4600148f;
      p = p * t + 0.13609241f;
      p = p * t - 0.061140805f;
      p = p * t + 0.094062485f;
      p = p * t + 0.17520264f;
      p = p * t + 0.24689654f;
      p = p * t + 0.28209317f;
      p = p * t + 0.2820948f;
      float tail = p * t * TornadoMath.exp(-z * z) * 0.5f;
      share = tail;
      if (a > 0) {
        share = 1 - tail;
      }
    }
    return a * share * up;
  }

  @Override
  protected void execute(
      PreparedExperts w, int slots, Tensor offsets, @Nullable Tensor order, Tensor x, Tensor y) {
    ((PreparedExpertsTornado) w).multiply(spec(), slots, offsets, order, x, y);
  }

  @Override
  protected void release() {}
}
