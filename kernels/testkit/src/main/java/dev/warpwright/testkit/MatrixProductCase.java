package dev.warpwright.testkit;

import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.KernelDevice;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.sparse.Activations;
import dev.warpwright.kernels.sparse.MatrixProduct;
import dev.warpwright.kernels.sparse.MatrixProductSpec;
import dev.warpwright.kernels.sparse.PreparedMatrix;
import dev.warpwright.kernels.sparse.Pruning;
import dev.warpwright.kernels.sparse.Pruning.Scope;
import dev.warpwright.kernels.sparse.WeightFormat;
import dev.warpwright.kernels.sparse.WeightMatrix;
import java.util.ArrayList;
import java.util.List;

/**
 * A product with a random matrix.
 *
 * @param spec sizes and format
 * @param rows rows of x
 * @param sparsity groups to leave out of a group-sparse matrix; below 0: half of them, at random
 * @param seed of the values
 */
record MatrixProductCase(MatrixProductSpec spec, int rows, double sparsity, long seed)
    implements ContractCase {
  /** Sizes at and beside the ends of vectors, groups, tiles of rows and blocks of x. */
  static List<ContractCase> extremes(WeightFormat format) {
    List<ContractCase> cases = new ArrayList<>();
    cases.add(of(format, 1, 1, 1, 1));
    cases.add(of(format, 3, 5, 7, 0));
    cases.add(of(format, 1, 63, 127, 1));
    cases.add(of(format, 1, 64, 128, 1));
    cases.add(of(format, 2, 65, 129, 2));
    cases.add(of(format, 5, 257, 31, 5));
    cases.add(of(format, 64, 17, 33, 63));
    cases.add(of(format, 64, 130, 256, 64));
    cases.add(of(format, 65, 16, 300, 65));
    cases.add(of(format, 300, 33, 67, 261));
    cases.add(of(format, 4, 3, 4099, 4));
    return cases;
  }

  static ContractCase of(WeightFormat format, int maxRows, int outputs, int inputs, int rows) {
    MatrixProductSpec spec = new MatrixProductSpec(maxRows, outputs, inputs, format);
    return new MatrixProductCase(spec, rows, -1, 31L * outputs + inputs);
  }

  /** The same case with x rounded to 8-bit codes. */
  static ContractCase rounded(ContractCase other) {
    MatrixProductCase c = (MatrixProductCase) other;
    return new MatrixProductCase(
        c.spec.withActivations(Activations.I8), c.rows, c.sparsity, c.seed);
  }

  static ContractCase random(WeightFormat format, CaseRandom random) {
    int maxRows = random.size(1, 150);
    MatrixProductSpec spec =
        new MatrixProductSpec(maxRows, random.size(1, 200), random.size(1, 520), format);
    double sparsity = random.chance(0.5) ? -1 : random.between(0, 10) / 10.0;
    return new MatrixProductCase(spec, random.between(0, maxRows), sparsity, random.bits());
  }

  @Override
  public double run(KernelDevice reference, KernelDevice device) {
    CaseRandom random = new CaseRandom(seed);
    try (CaseMemory memory = new CaseMemory(random)) {
      WeightMatrix w = weights(random);
      float[] x = random.normals(rows * spec.inputs(), 1);
      // The rows of x differ in size, so that a wrong row cannot pass for the right one.
      for (int i = 0; i < x.length; i++) {
        x[i] *= 1 + i / spec.inputs() % 7;
      }
      Tensor input = memory.input("x", x, rows, spec.inputs());
      Tensor expected = memory.output("y", DType.F32, rows, spec.outputs());
      Tensor actual = memory.output("y", DType.F32, rows, spec.outputs());
      multiply(reference, w, input, expected);
      multiply(device, w, input, actual);
      memory.check();
      double[] most = largestSums(w, x);
      double worst = 0;
      for (int i = 0; i < rows; i++) {
        double bound = roundings() * 0x1p-24 * most[i];
        worst =
            Math.max(
                worst,
                Compare.floats(
                    "y[" + i + "]", expected.row(i), actual.row(i), new Tolerance(bound, 0x1p-23)));
      }
      return worst;
    }
  }

  /**
   * n products added in any order, each addition rounded, are off by less than n · 2^-24 of the sum
   * of their magnitudes; the product with a group's scale may be rounded too. The reference adds in
   * double and rounds once.
   *
   * <p>Of codes, only sums of 32 products or of a group are rounded, times two scales. Rounding to
   * codes, the same everywhere, at most doubles an element of x.
   */
  private double roundings() {
    if (spec.activations() == Activations.I8 && spec.format() instanceof WeightFormat.Quant quant) {
      return 2.0 * (Math.ceilDiv(spec.inputs(), Math.min(quant.grouping().size(), 32)) + 3);
    }
    return spec.inputs() + 2;
  }

  private WeightMatrix weights(CaseRandom random) {
    if (sparsity >= 0 && spec.format() instanceof WeightFormat.GroupSparse sparse) {
      WeightMatrix dense =
          CaseWeights.matrix(
              random, spec.outputs(), spec.inputs(), new WeightFormat.Dense(DType.F32));
      if (sparse.grouping().symmetric()) {
        return Pruning.magnitude(dense, sparse.grouping(), sparsity, random.oneOf(Scope.values()));
      }
    }
    return CaseWeights.matrix(random, spec.outputs(), spec.inputs(), spec.format());
  }

  /** For each row of x the largest Σ_k |x[m, k] · W[n, k]|. */
  private double[] largestSums(WeightMatrix w, float[] x) {
    double[] most = new double[rows];
    float[] weights = new float[w.columns()];
    for (int n = 0; n < w.rows(); n++) {
      w.decodeRow(n, weights);
      for (int i = 0; i < rows; i++) {
        double sum = 0;
        for (int k = 0; k < weights.length; k++) {
          sum += Math.abs((double) x[i * weights.length + k] * weights[k]);
        }
        most[i] = Math.max(most[i], sum);
      }
    }
    return most;
  }

  private void multiply(KernelDevice device, WeightMatrix w, Tensor x, Tensor y) {
    try (PreparedMatrix prepared = device.sparse().prepare(w);
        MatrixProduct product = device.sparse().product(spec)) {
      product.run(prepared, x, y);
    }
  }
}
