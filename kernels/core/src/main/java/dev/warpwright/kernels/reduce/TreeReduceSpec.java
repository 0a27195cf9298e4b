package dev.warpwright.kernels.reduce;

import dev.warpwright.kernels.Checks;
import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.KernelId;
import dev.warpwright.kernels.KernelSpec;

/**
 * Sizes and rule of a {@link TreeReduce} or {@link TreeReduceStream}.
 *
 * @param slots number of slots K; the tree's shape depends on it and on which slots are missing
 * @param columns elements of a row
 * @param rows element type of the rows
 * @param operation what is computed
 * @param determinism which bits are promised
 */
public record TreeReduceSpec(
    int slots, long columns, DType rows, Operation operation, Determinism determinism)
    implements KernelSpec {
  /** What is computed. */
  public enum Operation {
    /** Σ w_i·x_i. */
    WEIGHTED_SUM,
    /** Σ w_i·x_i / Σ w_i. */
    WEIGHTED_MEAN
  }

  /** Which bits are promised. */
  public enum Determinism {
    /**
     * F32 in tree order: the same bits on every provider, whatever the arrival order and number of
     * threads.
     */
    CANONICAL,
    /** Leaves and nodes in F64, one rounding at the end: the same bits everywhere. */
    ACCURATE,
    /** Exact 64-bit integer sums of rounded leaves. */
    FIXED_POINT
  }

  /** Checks the values. */
  public TreeReduceSpec {
    Checks.between("slots", slots, 1, 1 << 24);
    Checks.between("columns", columns, 1, Long.MAX_VALUE / 8);
    Checks.notNull("rows", rows);
    Checks.dtype("rows", rows, DType.F32, DType.F16, DType.BF16, DType.I8);
    Checks.notNull("operation", operation);
    Checks.notNull("determinism", determinism);
  }

  /** The canonical weighted mean of F32 rows. */
  public static TreeReduceSpec mean(int slots, long columns) {
    return new TreeReduceSpec(
        slots, columns, DType.F32, Operation.WEIGHTED_MEAN, Determinism.CANONICAL);
  }

  @Override
  public KernelId kernel() {
    return KernelId.TREE_REDUCE;
  }
}
