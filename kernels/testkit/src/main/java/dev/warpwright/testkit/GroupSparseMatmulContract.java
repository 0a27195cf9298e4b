package dev.warpwright.testkit;

import dev.warpwright.kernels.KernelId;
import dev.warpwright.kernels.sparse.Grouping;
import dev.warpwright.kernels.sparse.MatrixProductSpec;
import dev.warpwright.kernels.sparse.WeightFormat;
import java.util.ArrayList;
import java.util.List;

/** Cases of {@link dev.warpwright.kernels.sparse.MatrixProduct} with group-sparse matrices. */
public final class GroupSparseMatmulContract implements KernelContract {
  private static final WeightFormat[] FORMATS = {
    new WeightFormat.GroupSparse(Grouping.w4(8)),
    new WeightFormat.GroupSparse(Grouping.w4(16)),
    new WeightFormat.GroupSparse(Grouping.w4(32)),
    new WeightFormat.GroupSparse(Grouping.w4(64)),
    new WeightFormat.GroupSparse(Grouping.w4(128)),
    new WeightFormat.GroupSparse(new Grouping(8, 16, true)),
    new WeightFormat.GroupSparse(new Grouping(4, 32, false))
  };

  /** The contract. */
  public GroupSparseMatmulContract() {}

  @Override
  public KernelId kernel() {
    return KernelId.GROUP_SPARSE_MATMUL;
  }

  @Override
  public List<ContractCase> extremes() {
    List<ContractCase> cases = new ArrayList<>();
    for (WeightFormat format : FORMATS) {
      cases.addAll(MatrixProductCase.extremes(format));
    }
    for (double sparsity : new double[] {0, 0.5, 0.97, 1}) {
      for (int size : new int[] {16, 32}) {
        WeightFormat format = new WeightFormat.GroupSparse(Grouping.w4(size));
        MatrixProductSpec spec = new MatrixProductSpec(6, 70, 517, format);
        cases.add(new MatrixProductCase(spec, 6, sparsity, size));
        cases.add(new MatrixProductCase(spec, 1, sparsity, size));
      }
    }
    return cases;
  }

  @Override
  public ContractCase random(CaseRandom random) {
    return MatrixProductCase.random(random.oneOf(FORMATS), random);
  }
}
