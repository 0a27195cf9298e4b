package dev.warpwright.testkit;

import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.KernelDevice;
import dev.warpwright.kernels.KernelId;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.attention.RmsNorm;
import dev.warpwright.kernels.attention.RmsNormSpec;
import java.util.List;

/** Cases of {@link RmsNorm}. */
public final class RmsNormContract implements KernelContract {
  /** Called by {@link Contracts}. */
  public RmsNormContract() {}

  /** Rounding of the factor and of two products; the sum of squares errs by far less. */
  private static final Tolerance TOLERANCE = new Tolerance(1e-44, 8e-7);

  @Override
  public KernelId kernel() {
    return KernelId.RMS_NORM;
  }

  @Override
  public List<Case> extremes() {
    return List.of(
        new Case(new RmsNormSpec(4, 64, 1e-5f), 0, 1, 1),
        new Case(new RmsNormSpec(1, 1, 1e-5f), 1, 1, 2),
        new Case(new RmsNormSpec(3, 7, 0), 3, 1, 3),
        new Case(new RmsNormSpec(5, 63, 1e-6f), 5, 1, 4),
        new Case(new RmsNormSpec(5, 65, 1e-6f), 5, 1, 5),
        new Case(new RmsNormSpec(300, 129, 1e-6f), 300, 1, 6),
        new Case(new RmsNormSpec(9, 4096, 1e-6f), 9, 1, 7),
        // Squares overflow, then vanish, in F32.
        new Case(new RmsNormSpec(2, 100, 1e-6f), 2, 1e30f, 8),
        new Case(new RmsNormSpec(2, 100, 0), 2, 1e-30f, 9),
        // All zeros: what is left is epsilon.
        new Case(new RmsNormSpec(2, 33, 1e-6f), 2, 0, 10));
  }

  @Override
  public Case random(CaseRandom random) {
    int rows = random.size(1, 40);
    RmsNormSpec spec =
        new RmsNormSpec(
            rows + random.between(0, 3), random.size(1, 3000), random.oneOf(0f, 1e-6f, 1e-5f, 1f));
    return new Case(spec, rows, random.oneOf(1e-3f, 1f, 100f), random.seed());
  }

  /**
   * One input.
   *
   * @param spec sizes
   * @param rows rows of the run
   * @param deviation of the elements
   * @param seed of the values
   */
  public record Case(RmsNormSpec spec, int rows, float deviation, long seed)
      implements ContractCase {
    @Override
    public double run(KernelDevice reference, KernelDevice device) {
      CaseRandom random = new CaseRandom(seed);
      try (CaseMemory memory = new CaseMemory(random)) {
        int columns = spec.columns();
        Tensor x = memory.input("x", random.normals(rows * columns, deviation), rows, columns);
        Tensor weight = memory.input("weight", random.normals(columns, 1), columns);
        Tensor expected = memory.output("expected", DType.F32, rows, columns);
        Tensor actual = memory.output("y", DType.F32, rows, columns);
        try (RmsNorm plan = reference.attention().rmsNorm(spec)) {
          plan.run(x, weight, expected);
        }
        try (RmsNorm plan = device.attention().rmsNorm(spec)) {
          plan.run(x, weight, actual);
        }
        memory.check();
        return Compare.floats("y", expected, actual, TOLERANCE);
      }
    }
  }
}
