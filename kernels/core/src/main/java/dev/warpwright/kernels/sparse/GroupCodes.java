package dev.warpwright.kernels.sparse;

import dev.warpwright.kernels.Checks;
import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.InvalidArgumentException;
import dev.warpwright.kernels.Tensor;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.jspecify.annotations.Nullable;

/** Rounding of weight groups to integer codes, and back. */
final class GroupCodes {
  private GroupCodes() {}

  static void requireHost(Tensor first, Tensor second, @Nullable Tensor third) {
    for (Tensor tensor : new @Nullable Tensor[] {first, second, third}) {
      Checks.that(
          tensor == null || tensor.isHost(),
          "tensor",
          tensor == null ? "" : "on " + tensor.memory().place(),
          "host memory");
    }
  }

  static void requireFinite(Tensor scales) {
    for (long i = 0; i < scales.elements(); i++) {
      float scale = scales.getFloat(i);
      if (!Float.isFinite(scale)) {
        throw new InvalidArgumentException("scales[" + i + "]", scale, "a finite number");
      }
    }
  }

  static QuantMatrix quantise(WeightMatrix dense, Grouping grouping) {
    Checks.notNull("dense", dense);
    Checks.notNull("grouping", grouping);
    Checks.that(grouping.symmetric(), "grouping.symmetric", false, "true");
    int groups = grouping.groups(dense.columns());
    Arena arena = Arena.ofAuto();
    Tensor codes = Tensor.allocate(arena, DType.U8, dense.rows(), groups, grouping.codeBytes());
    Tensor scales = Tensor.allocate(arena, DType.F16, dense.rows(), groups);
    float[] row = new float[groups * grouping.size()];
    for (int n = 0; n < dense.rows(); n++) {
      dense.decodeRow(n, row);
      for (int g = 0; g < groups; g++) {
        encode(grouping, row, g * grouping.size(), codes, scales, (long) n * groups + g);
      }
    }
    return new QuantMatrix(dense.columns(), grouping, codes, scales, null);
  }

  /**
   * Rounds one group symmetrically: scale = fl16(max|w| / (2^(bits−1) − 1)), code = zero + rint(w /
   * scale), clamped. A group of zeros, or one whose scale underflows, gets scale 0 and zero codes.
   */
  static void encode(
      Grouping grouping, float[] weights, int from, Tensor codes, Tensor scales, long group) {
    float most = 0;
    for (int u = 0; u < grouping.size(); u++) {
      most = Math.max(most, Math.abs(Checks.finite("weight", weights[from + u])));
    }
    float scale = storeScale(grouping, most, scales, group);
    int[] units = new int[grouping.size()];
    for (int u = 0; u < grouping.size(); u++) {
      units[u] = code(grouping, scale, weights[from + u]);
    }
    store(grouping, units, codes, group);
  }

  /** Stores and returns the scale of a symmetric group whose largest magnitude is {@code most}. */
  static float storeScale(Grouping grouping, float most, Tensor scales, long group) {
    scales.setFloat(group, Math.min(most / (grouping.zero() - 1), 65504f));
    return scales.getFloat(group);
  }

  /** The code of one weight of a symmetric group. */
  static int code(Grouping grouping, float scale, float weight) {
    int steps = scale == 0 ? 0 : (int) Math.rint(weight / scale);
    return Math.clamp((long) grouping.zero() + steps, 0, 2 * grouping.zero() - 1);
  }

  /** Packs the codes of one group. */
  static void store(Grouping grouping, int[] units, Tensor codes, long group) {
    int perByte = 8 / grouping.bits();
    for (int b = 0; b < grouping.codeBytes(); b++) {
      int packed = 0;
      for (int i = 0; i < perByte; i++) {
        packed |= units[b * perByte + i] << (i * grouping.bits());
      }
      codes.segment().set(ValueLayout.JAVA_BYTE, group * grouping.codeBytes() + b, (byte) packed);
    }
  }

  /** Writes the weights of one stored group to {@code into[at …]}, not past {@code end}. */
  static void decode(
      Grouping grouping,
      Tensor codes,
      long group,
      float scale,
      int zero,
      float[] into,
      int at,
      int end) {
    MemorySegment bytes = codes.segment();
    int perByte = 8 / grouping.bits();
    int mask = (1 << grouping.bits()) - 1;
    for (int u = 0; u < grouping.size() && at + u < end; u++) {
      int packed =
          bytes.get(ValueLayout.JAVA_BYTE, group * grouping.codeBytes() + u / perByte) & 0xFF;
      int code = (packed >>> (u % perByte * grouping.bits())) & mask;
      into[at + u] = scale * (code - zero);
    }
  }
}
