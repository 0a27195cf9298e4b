package dev.warpwright.testkit;

import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.KernelId;
import dev.warpwright.kernels.sparse.WeightFormat;
import java.util.ArrayList;
import java.util.List;

/** Cases of {@link dev.warpwright.kernels.sparse.MatrixProduct} with dense matrices. */
public final class MatmulContract implements KernelContract {
  private static final WeightFormat[] FORMATS = {
    new WeightFormat.Dense(DType.F32),
    new WeightFormat.Dense(DType.F16),
    new WeightFormat.Dense(DType.BF16)
  };

  /** The contract. */
  public MatmulContract() {}

  @Override
  public KernelId kernel() {
    return KernelId.MATMUL;
  }

  @Override
  public List<ContractCase> extremes() {
    List<ContractCase> cases = new ArrayList<>();
    for (WeightFormat format : FORMATS) {
      cases.addAll(MatrixProductCase.extremes(format));
    }
    return cases;
  }

  @Override
  public ContractCase random(CaseRandom random) {
    return MatrixProductCase.random(random.oneOf(FORMATS), random);
  }
}
