package dev.warpwright.tornado.reduce;

import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.KernelSpec;
import dev.warpwright.kernels.Support;
import dev.warpwright.kernels.reduce.ReduceKernels;
import dev.warpwright.kernels.reduce.TreeReduce;
import dev.warpwright.kernels.reduce.TreeReduceSpec;
import dev.warpwright.kernels.reduce.TreeReduceSpec.Determinism;
import dev.warpwright.kernels.reduce.TreeReduceStream;
import dev.warpwright.tornado.SelfTest;
import dev.warpwright.tornado.TornadoFamily;
import dev.warpwright.tornado.TornadoKernelDevice;

/** The reductions on TornadoVM. */
public final class ReduceTornado extends TornadoFamily implements ReduceKernels {
  /** The family of {@code device}. */
  public ReduceTornado(TornadoKernelDevice device) {
    super(device);
  }

  @Override
  protected Support offers(KernelSpec spec) {
    TreeReduceSpec reduce = (TreeReduceSpec) spec;
    if (reduce.determinism() != Determinism.CANONICAL) {
      return Support.no(reduce.determinism() + " is not built yet on TornadoVM, CANONICAL is");
    }
    if (reduce.rows() == DType.I8) {
      return Support.no(
          "I8 rows need a scale for each block, which is not built yet; F32, F16 and BF16 rows are");
    }
    return SelfTest.support(device());
  }

  @Override
  public TreeReduce treeReduce(TreeReduceSpec spec) {
    require(spec);
    return new TreeReduceTornado(device(), spec);
  }

  @Override
  public TreeReduceStream treeReduceStream(TreeReduceSpec spec) {
    require(spec);
    return new TreeReduceStreamTornado(device(), spec);
  }
}
