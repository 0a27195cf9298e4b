package dev.warpwright.cuda;

import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.sparse.GroupSparseMatrix;
import dev.warpwright.kernels.sparse.WeightFormat;
import dev.warpwright.kernels.sparse.WeightMatrix;
import java.util.HashSet;
import java.util.Set;

/**
 * Instructions {@code mma.m16n8k16} that a product takes: 2 M N K operations, of 2 · 16 · 8 · 16 an
 * instruction, for each pair of a piece of x, of which there are three, and a piece of the weights.
 */
public final class TensorWork {
  private static final int BLOCK_ROWS = 32;
  private static final int PIECES = 3;

  private TensorWork() {}

  /** Of eight rows of x, whose pieces take an instruction each. */
  public static long ofEightRows(WeightMatrix w) {
    return PIECES * ofTwoRows(w);
  }

  /** Of one or two rows of x: all pieces fit in one instruction. */
  public static long ofTwoRows(WeightMatrix w) {
    return tiles(w) * pieces(w.format());
  }

  /** Tiles of 16 rows and 16 columns; of blocks of 32 rows of which none has the group, none. */
  private static long tiles(WeightMatrix w) {
    if (!(w instanceof GroupSparseMatrix sparse)) {
      return w.rows() / 16L * (w.columns() / 16L);
    }
    Set<Long> groups = new HashSet<>();
    for (int row = 0; row < w.rows(); row++) {
      for (long kept = sparse.rowStart(row); kept < sparse.rowStart(row + 1); kept++) {
        groups.add((long) (row / BLOCK_ROWS) << 32 | sparse.groupIndex(kept));
      }
    }
    return groups.size() * 2L * (sparse.grouping().size() / 16);
  }

  /** BF16 numbers whose sum is a weight. */
  private static int pieces(WeightFormat format) {
    if (!(format instanceof WeightFormat.Dense(DType dtype))) {
      return 1;
    }
    return switch (dtype) {
      case F32 -> 3;
      case F16 -> 2;
      default -> 1;
    };
  }
}
