package dev.warpwright.testkit;

import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.sparse.DenseMatrix;
import dev.warpwright.kernels.sparse.GroupSparseMatrix;
import dev.warpwright.kernels.sparse.Grouping;
import dev.warpwright.kernels.sparse.QuantMatrix;
import dev.warpwright.kernels.sparse.WeightFormat;
import dev.warpwright.kernels.sparse.WeightMatrix;
import java.lang.foreign.MemorySegment;
import java.util.BitSet;

/** Random weight matrices of any format, with entries of a deviation of about 1/√columns. */
public final class CaseWeights {
  /** Groups that a group-sparse matrix keeps on average. */
  private static final double KEPT = 0.5;

  private CaseWeights() {}

  /** A matrix of {@code format}; of a group-sparse one some rows may be empty. */
  public static WeightMatrix matrix(CaseRandom random, int rows, int columns, WeightFormat format) {
    return switch (format) {
      case WeightFormat.Dense dense -> dense(random, rows, columns, dense.dtype());
      case WeightFormat.Quant quant -> quant(random, rows, columns, quant.grouping());
      case WeightFormat.GroupSparse sparse -> groupSparse(random, rows, columns, sparse.grouping());
    };
  }

  private static DenseMatrix dense(CaseRandom random, int rows, int columns, DType dtype) {
    Tensor weights =
        Tensor.wrap(
            MemorySegment.ofArray(new byte[rows * columns * dtype.bytes()]), dtype, rows, columns);
    for (int i = 0; i < rows * columns; i++) {
      weights.setFloat(i, random.normal() / (float) Math.sqrt(columns));
    }
    return new DenseMatrix(weights);
  }

  private static QuantMatrix quant(CaseRandom random, int rows, int columns, Grouping grouping) {
    int groups = grouping.groups(columns);
    int stored = rows * groups;
    return new QuantMatrix(
        columns,
        grouping,
        codes(random, stored, grouping).reshape(rows, groups, grouping.codeBytes()),
        scales(random, stored, columns, grouping).reshape(rows, groups),
        grouping.symmetric() ? null : zeros(random, stored, grouping).reshape(rows, groups));
  }

  private static GroupSparseMatrix groupSparse(
      CaseRandom random, int rows, int columns, Grouping grouping) {
    int groups = grouping.groups(columns);
    BitSet keeps = new BitSet();
    long[] rowStart = new long[rows + 1];
    for (int row = 0; row < rows; row++) {
      boolean empty = random.chance(0.1);
      for (int g = 0; g < groups; g++) {
        keeps.set(row * groups + g, !empty && random.chance(KEPT));
      }
      rowStart[row + 1] = keeps.cardinality();
    }
    int kept = keeps.cardinality();
    short[] index = new short[kept];
    int t = 0;
    for (int at = keeps.nextSetBit(0); at >= 0; at = keeps.nextSetBit(at + 1)) {
      index[t] = (short) (at % groups);
      t++;
    }
    return new GroupSparseMatrix(
        columns,
        grouping,
        Tensor.wrap(rowStart, rows + 1),
        Tensor.wrap(index, DType.I16, kept),
        codes(random, kept, grouping),
        scales(random, kept, columns, grouping),
        grouping.symmetric() ? null : zeros(random, kept, grouping));
  }

  private static Tensor codes(CaseRandom random, int groups, Grouping grouping) {
    byte[] codes = new byte[groups * grouping.codeBytes()];
    for (int i = 0; i < codes.length; i++) {
      codes[i] = (byte) random.bits();
    }
    return Tensor.wrap(codes, DType.U8, groups, grouping.codeBytes());
  }

  private static Tensor scales(CaseRandom random, int groups, int columns, Grouping grouping) {
    Tensor scales = Tensor.wrap(new short[groups], DType.F16, groups);
    // Codes are spread over 2 · zero values: their deviation is a little above half of zero.
    double scale = 2 / (Math.sqrt(columns) * grouping.zero());
    for (int g = 0; g < groups; g++) {
      scales.setFloat(g, (float) (scale * random.between(50, 100) / 100));
    }
    return scales;
  }

  private static Tensor zeros(CaseRandom random, int groups, Grouping grouping) {
    byte[] zeros = new byte[groups];
    for (int g = 0; g < groups; g++) {
      zeros[g] = (byte) random.between(0, 2 * grouping.zero() - 1);
    }
    return Tensor.wrap(zeros, DType.U8, groups);
  }
}
