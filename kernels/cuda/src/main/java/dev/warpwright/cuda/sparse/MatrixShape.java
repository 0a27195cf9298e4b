package dev.warpwright.cuda.sparse;

import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.sparse.Grouping;
import dev.warpwright.kernels.sparse.WeightFormat;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Locale;

/**
 * What the matrices of a shape and format have in common, for the kernels that multiply with them.
 *
 * @param format the format
 * @param outputs rows
 * @param inputs columns
 */
public record MatrixShape(WeightFormat format, int outputs, int inputs) {
  /** Part of the names of kernels: the type, or bits of codes and whether groups have 8. */
  public String suffix() {
    return switch (format) {
      case WeightFormat.Dense(DType dtype) -> dtype.name().toLowerCase(Locale.ROOT);
      case WeightFormat.Quant(Grouping grouping) -> suffix(grouping);
      case WeightFormat.GroupSparse(Grouping grouping) -> suffix(grouping);
    };
  }

  private static String suffix(Grouping grouping) {
    return "w" + grouping.bits() + (grouping.size() == 8 ? "_g8" : "");
  }

  /** Slices of a panel at most. */
  public int mostSlices() {
    return format instanceof WeightFormat.Dense(DType dtype)
        ? DenseForm.slices(dtype, inputs)
        : KeptGroups.sizes(format).mostSlices(inputs);
  }

  /** Shares of a panel at most. */
  public int mostShares() {
    return ChunkSizes.shares(mostSlices());
  }

  /** Blocks of 32 rows. */
  public int blocks() {
    return Blocks.count(outputs);
  }

  /** Panels of four blocks. */
  public int panels() {
    return Blocks.panels(outputs);
  }

  /** The kernels' parameter: {@code DenseShape} or {@code GroupShape} in the sources. */
  public MemorySegment parameter(Arena arena) {
    if (format instanceof WeightFormat.Dense) {
      MemorySegment shape = arena.allocate(Long.BYTES + 2 * Integer.BYTES, Long.BYTES);
      shape.set(ValueLayout.JAVA_LONG, 0, DenseForm.rowElements(inputs));
      shape.set(ValueLayout.JAVA_INT, Long.BYTES, outputs);
      shape.set(ValueLayout.JAVA_INT, Long.BYTES + Integer.BYTES, inputs);
      return shape;
    }
    ChunkSizes sizes = KeptGroups.sizes(format);
    Grouping grouping = sizes.grouping();
    return arena.allocateFrom(
        ValueLayout.JAVA_INT,
        outputs,
        grouping.groups(inputs),
        grouping.size(),
        sizes.tiles(),
        grouping.symmetric() ? grouping.zero() : -1,
        sizes.most());
  }
}
