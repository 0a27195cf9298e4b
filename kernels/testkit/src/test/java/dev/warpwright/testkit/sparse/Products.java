package dev.warpwright.testkit.sparse;

import dev.warpwright.kernels.KernelDevice;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.sparse.Activations;
import dev.warpwright.kernels.sparse.MatrixProduct;
import dev.warpwright.kernels.sparse.MatrixProductSpec;
import dev.warpwright.kernels.sparse.PreparedMatrix;
import dev.warpwright.kernels.sparse.WeightFormat;
import dev.warpwright.kernels.sparse.WeightMatrix;
import dev.warpwright.testkit.CaseRandom;
import dev.warpwright.testkit.CaseWeights;
import dev.warpwright.testkit.ContractTest;
import dev.warpwright.testkit.Repeats;

/** What the tests of the three kernels share. */
final class Products {
  private Products() {}

  /** One product on a fresh device. */
  static float[] multiply(String provider, WeightMatrix w, Tensor x) {
    return multiply(provider, w, Activations.F32, x);
  }

  /** One product on a fresh device. */
  static float[] multiply(String provider, WeightMatrix w, Activations activations, Tensor x) {
    try (KernelDevice device = ContractTest.open(provider, 2)) {
      return multiply(device, w, activations, x).toFloats();
    }
  }

  private static Tensor multiply(
      KernelDevice device, WeightMatrix w, Activations activations, Tensor x) {
    int rows = (int) x.size(0);
    Tensor y = Tensor.wrap(new float[rows * w.rows()], rows, w.rows());
    try (PreparedMatrix prepared = device.sparse().prepare(w);
        MatrixProduct product =
            device.sparse().product(MatrixProductSpec.of(rows, w).withActivations(activations))) {
      product.run(prepared, x, y);
    }
    return y;
  }

  /** Threads, repeats and batches of 1 to 20 rows out of 140 must not change a bit. */
  static void assertSameBits(WeightFormat format) {
    assertSameBits(format, Activations.F32);
  }

  /** Threads, repeats and batches of 1 to 20 rows out of 140 must not change a bit. */
  static void assertSameBits(WeightFormat format, Activations activations) {
    CaseRandom random = new CaseRandom(format.hashCode());
    WeightMatrix w = CaseWeights.matrix(random, 203, 331, format);
    Tensor x = Tensor.wrap(random.normals(140 * 331, 1), 140, 331);
    Repeats.assertSameBits(
        (device, from, to) -> multiply(device, w, activations, x.slice(from, to)), 140);
  }

  /** One row, and enough rows for the other path. */
  static void assertNoAllocation(WeightFormat format) {
    assertNoAllocation(format, Activations.F32);
  }

  /** One row, and enough rows for the other path. */
  static void assertNoAllocation(WeightFormat format, Activations activations) {
    CaseRandom random = new CaseRandom(1);
    WeightMatrix w = CaseWeights.matrix(random, 37, 67, format);
    Tensor x = Tensor.wrap(new float[9 * 67], 9, 67);
    Tensor y = Tensor.wrap(new float[9 * 37], 9, 37);
    Tensor x1 = x.slice(0, 1);
    Tensor y1 = y.slice(0, 1);
    try (KernelDevice device = ContractTest.open("cpu", 1);
        PreparedMatrix prepared = device.sparse().prepare(w);
        MatrixProduct product =
            device.sparse().product(MatrixProductSpec.of(9, w).withActivations(activations))) {
      Repeats.assertNoAllocation(() -> product.run(prepared, x, y));
      Repeats.assertNoAllocation(() -> product.run(prepared, x1, y1));
    }
  }
}
