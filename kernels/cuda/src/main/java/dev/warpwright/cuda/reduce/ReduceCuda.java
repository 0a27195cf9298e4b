package dev.warpwright.cuda.reduce;

import dev.warpwright.cuda.CudaFamily;
import dev.warpwright.cuda.CudaKernelDevice;
import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.KernelSpec;
import dev.warpwright.kernels.Support;
import dev.warpwright.kernels.reduce.ReduceKernels;
import dev.warpwright.kernels.reduce.TreeReduce;
import dev.warpwright.kernels.reduce.TreeReduceSpec;
import dev.warpwright.kernels.reduce.TreeReduceSpec.Determinism;
import dev.warpwright.kernels.reduce.TreeReduceStream;

/** The reductions on CUDA. */
public final class ReduceCuda extends CudaFamily implements ReduceKernels {
  /** The family of {@code device}. */
  public ReduceCuda(CudaKernelDevice device) {
    super(device);
  }

  @Override
  protected Support offers(KernelSpec spec) {
    TreeReduceSpec reduce = (TreeReduceSpec) spec;
    if (reduce.determinism() != Determinism.CANONICAL) {
      return Support.no(reduce.determinism() + " is not built yet on CUDA, CANONICAL is");
    }
    if (reduce.rows() == DType.I8) {
      return Support.no(
          "I8 rows need a scale for each block, which is not built yet; F32, F16 and BF16 rows are");
    }
    return Support.yes();
  }

  @Override
  public TreeReduce treeReduce(TreeReduceSpec spec) {
    require(spec);
    return new TreeReduceCuda(device(), spec);
  }

  @Override
  public TreeReduceStream treeReduceStream(TreeReduceSpec spec) {
    require(spec);
    return new TreeReduceStreamCuda(device(), spec);
  }
}
