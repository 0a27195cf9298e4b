package dev.warpwright.testkit;

import dev.warpwright.kernels.KernelId;
import dev.warpwright.kernels.sparse.Grouping;
import dev.warpwright.kernels.sparse.WeightFormat;
import java.util.ArrayList;
import java.util.List;

/** Cases of {@link dev.warpwright.kernels.sparse.MatrixProduct} with quantised matrices. */
public final class QuantMatmulContract implements KernelContract {
  /** Formats that x may be rounded for. */
  private static final WeightFormat[] W4 = {
    new WeightFormat.Quant(Grouping.w4(8)),
    new WeightFormat.Quant(Grouping.w4(16)),
    new WeightFormat.Quant(Grouping.w4(32)),
    new WeightFormat.Quant(Grouping.w4(64)),
    new WeightFormat.Quant(Grouping.w4(128))
  };

  private static final WeightFormat[] OTHERS = {
    new WeightFormat.Quant(new Grouping(8, 32, true)),
    new WeightFormat.Quant(new Grouping(2, 16, false)),
    new WeightFormat.Quant(new Grouping(4, 32, false))
  };

  /** The contract. */
  public QuantMatmulContract() {}

  @Override
  public KernelId kernel() {
    return KernelId.QUANT_MATMUL;
  }

  @Override
  public List<ContractCase> extremes() {
    List<ContractCase> cases = new ArrayList<>();
    for (WeightFormat format : W4) {
      List<ContractCase> extremes = MatrixProductCase.extremes(format);
      cases.addAll(extremes);
      extremes.forEach(extreme -> cases.add(MatrixProductCase.rounded(extreme)));
    }
    for (WeightFormat format : OTHERS) {
      cases.addAll(MatrixProductCase.extremes(format));
    }
    return cases;
  }

  @Override
  public ContractCase random(CaseRandom random) {
    if (random.chance(0.3)) {
      return MatrixProductCase.random(random.oneOf(OTHERS), random);
    }
    ContractCase plain = MatrixProductCase.random(random.oneOf(W4), random);
    return random.chance(0.5) ? plain : MatrixProductCase.rounded(plain);
  }
}
