package dev.warpwright.kernels.sparse;

import dev.warpwright.kernels.Checks;
import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.Tensor;
import java.lang.foreign.ValueLayout;
import org.jspecify.annotations.Nullable;

/**
 * A matrix of integer codes in which every group is stored.
 *
 * @param columns input features; rows and groups a row follow from {@code scales}
 * @param grouping codes and groups
 * @param codes U8 {@code [rows, groups, codeBytes]}
 * @param scales F16 {@code [rows, groups]}; finite
 * @param zeros U8 {@code [rows, groups]}, or null for a symmetric grouping
 */
public record QuantMatrix(
    int columns, Grouping grouping, Tensor codes, Tensor scales, @Nullable Tensor zeros)
    implements WeightMatrix {
  /** Checks types and shapes, and that scales are finite. */
  public QuantMatrix {
    Checks.between("columns", columns, 1, Integer.MAX_VALUE - 256);
    Checks.notNull("grouping", grouping);
    Checks.notNull("scales", scales);
    Checks.that(scales.rank() == 2, "scales.rank", scales.rank(), "2");
    long rows = Checks.between("scales.shape[0]", scales.size(0), 1, Integer.MAX_VALUE);
    int groups = grouping.groups(columns);
    Checks.tensor("scales", scales, DType.F16, rows, groups);
    Checks.tensor("codes", codes, DType.U8, rows, groups, grouping.codeBytes());
    if (grouping.symmetric()) {
      Checks.that(zeros == null, "zeros", "present", "null for a symmetric grouping");
    } else {
      Checks.tensor("zeros", zeros, DType.U8, rows, groups);
    }
    GroupCodes.requireHost(codes, scales, zeros);
    GroupCodes.requireFinite(scales);
  }

  /** Rounds a dense matrix to {@code grouping}; see {@link GroupCodes#encode}. */
  public static QuantMatrix quantise(WeightMatrix dense, Grouping grouping) {
    return GroupCodes.quantise(dense, grouping);
  }

  @Override
  public int rows() {
    return (int) scales.size(0);
  }

  @Override
  public WeightFormat format() {
    return new WeightFormat.Quant(grouping);
  }

  @Override
  public long bytes() {
    return codes.bytes() + scales.bytes() + (zeros == null ? 0 : zeros.bytes());
  }

  @Override
  public void decodeRow(int row, float[] into) {
    int groups = grouping.groups(columns);
    for (int g = 0; g < groups; g++) {
      long group = (long) row * groups + g;
      int zero =
          zeros == null
              ? grouping.zero()
              : zeros.segment().get(ValueLayout.JAVA_BYTE, group) & 0xFF;
      GroupCodes.decode(
          grouping, codes, group, scales.getFloat(group), zero, into, g * grouping.size(), columns);
    }
  }
}
