package dev.warpwright.kernels.sparse;

import dev.warpwright.kernels.Checks;
import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.KernelId;

/** How the values of a weight matrix are stored. */
public sealed interface WeightFormat {
  /** The kernel that multiplies by matrices of this format. */
  KernelId kernel();

  /**
   * Every weight stored as a float.
   *
   * @param dtype F32, F16 or BF16
   */
  record Dense(DType dtype) implements WeightFormat {
    /** Checks the type. */
    public Dense {
      Checks.notNull("dtype", dtype);
      Checks.dtype("weight", dtype, DType.F32, DType.F16, DType.BF16);
    }

    @Override
    public KernelId kernel() {
      return KernelId.MATMUL;
    }
  }

  /**
   * Integer codes with one F16 scale for each group of consecutive weights of a row; no group is
   * left out.
   *
   * @param grouping codes and groups
   */
  record Quant(Grouping grouping) implements WeightFormat {
    /** Checks the value. */
    public Quant {
      Checks.notNull("grouping", grouping);
    }

    @Override
    public KernelId kernel() {
      return KernelId.QUANT_MATMUL;
    }
  }

  /**
   * Like {@link Quant}, with groups left out: those weights are zero.
   *
   * @param grouping codes and groups
   */
  record GroupSparse(Grouping grouping) implements WeightFormat {
    /** Checks the value. */
    public GroupSparse {
      Checks.notNull("grouping", grouping);
    }

    @Override
    public KernelId kernel() {
      return KernelId.GROUP_SPARSE_MATMUL;
    }
  }
}
