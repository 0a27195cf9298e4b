/** Contracts of Warpwright's kernels, with a scalar reference and a fast CPU path for each. */
module dev.warpwright.kernels {
  requires static transitive org.jspecify;
  requires static jdk.incubator.vector;
  requires jdk.jfr;

  exports dev.warpwright.kernels;
  exports dev.warpwright.kernels.attention;
  exports dev.warpwright.kernels.moe;
  exports dev.warpwright.kernels.reduce;
  exports dev.warpwright.kernels.sparse;

  uses dev.warpwright.kernels.KernelProvider;

  provides dev.warpwright.kernels.KernelProvider with
      dev.warpwright.kernels.cpu.CpuProvider,
      dev.warpwright.kernels.cpu.ReferenceProvider;
}
