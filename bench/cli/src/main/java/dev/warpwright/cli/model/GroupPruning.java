package dev.warpwright.cli.model;

import dev.warpwright.kernels.Checks;
import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.sparse.GroupSparseMatrix;
import dev.warpwright.kernels.sparse.Grouping;
import dev.warpwright.kernels.sparse.QuantMatrix;
import dev.warpwright.kernels.sparse.WeightMatrix;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.BitSet;
import java.util.Comparator;
import java.util.stream.IntStream;

/** Leaves out the groups of a matrix that matter least. */
final class GroupPruning {
  private GroupPruning() {}

  /**
   * Keeps the share {@code density} of a matrix's groups with the largest sum of squares, of equal
   * ones the first, and rounds them to codes.
   */
  static GroupSparseMatrix byMagnitude(WeightMatrix dense, Grouping grouping, double density) {
    Checks.that(density > 0 && density <= 1, "density", density, "above 0, at most 1");
    QuantMatrix all = QuantMatrix.quantise(dense, grouping);
    int groups = grouping.groups(dense.columns());
    int total = Math.multiplyExact(groups, dense.rows());
    int keep = (int) Math.ceil(density * total);
    double[] weight = weights(dense, grouping, groups);
    BitSet kept = new BitSet(total);
    IntStream.range(0, total)
        .boxed()
        .sorted(Comparator.comparingDouble((Integer g) -> -weight[g]).thenComparing(g -> g))
        .limit(keep)
        .forEach(kept::set);
    return pick(all, groups, kept, keep);
  }

  private static double[] weights(WeightMatrix dense, Grouping grouping, int groups) {
    double[] weight = new double[groups * dense.rows()];
    float[] row = new float[dense.columns()];
    for (int n = 0; n < dense.rows(); n++) {
      dense.decodeRow(n, row);
      for (int k = 0; k < row.length; k++) {
        weight[n * groups + k / grouping.size()] += (double) row[k] * row[k];
      }
    }
    return weight;
  }

  private static GroupSparseMatrix pick(QuantMatrix all, int groups, BitSet kept, int keep) {
    int codeBytes = all.grouping().codeBytes();
    Arena arena = Arena.ofAuto();
    Tensor rowStart = Tensor.allocate(arena, DType.I64, all.rows() + 1);
    Tensor index = Tensor.allocate(arena, DType.I16, keep);
    Tensor codes = Tensor.allocate(arena, DType.U8, keep, codeBytes);
    Tensor scales = Tensor.allocate(arena, DType.F16, keep);
    int t = 0;
    for (int row = 0; row < all.rows(); row++) {
      int end = (row + 1) * groups;
      for (int g = kept.nextSetBit(row * groups); g >= 0 && g < end; g = kept.nextSetBit(g + 1)) {
        index.segment().set(ValueLayout.JAVA_SHORT_UNALIGNED, 2L * t, (short) (g - row * groups));
        scales.setFloat(t, all.scales().getFloat(g));
        MemorySegment.copy(
            all.codes().segment(),
            (long) g * codeBytes,
            codes.segment(),
            (long) t * codeBytes,
            codeBytes);
        t++;
      }
      rowStart.segment().set(ValueLayout.JAVA_LONG_UNALIGNED, 8L * (row + 1), t);
    }
    return new GroupSparseMatrix(
        all.columns(), all.grouping(), rowStart, index, codes, scales, null);
  }
}
