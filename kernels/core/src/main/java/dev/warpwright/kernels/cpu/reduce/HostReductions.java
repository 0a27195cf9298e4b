package dev.warpwright.kernels.cpu.reduce;

import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.Support;
import dev.warpwright.kernels.reduce.TreeReduceSpec;
import dev.warpwright.kernels.reduce.TreeReduceSpec.Determinism;

/** What both host families offer of the reductions. */
final class HostReductions {
  private HostReductions() {}

  static Support support(TreeReduceSpec spec) {
    if (spec.determinism() != Determinism.CANONICAL) {
      return Support.no(spec.determinism() + " is not built yet on the host, CANONICAL is");
    }
    if (spec.rows() == DType.I8) {
      return Support.no(
          "I8 rows need a scale for each block, which is not built yet; F32, F16 and BF16 rows are");
    }
    return Support.yes();
  }
}
