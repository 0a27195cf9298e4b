/** What users of Warpwright import. */
module dev.warpwright {
  requires transitive dev.warpwright.kernels;
  requires static transitive org.jspecify;

  exports dev.warpwright;
  exports dev.warpwright.attention;
  exports dev.warpwright.moe;
  exports dev.warpwright.reduce;
  exports dev.warpwright.sparse;

  uses dev.warpwright.kernels.KernelProvider;
}
