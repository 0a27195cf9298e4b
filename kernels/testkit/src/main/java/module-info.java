/** Contract tests of Warpwright's kernels. */
module dev.warpwright.testkit {
  requires transitive dev.warpwright.kernels;
  requires static transitive org.jspecify;
  requires static org.junit.jupiter.api;

  exports dev.warpwright.testkit;

  uses dev.warpwright.kernels.KernelProvider;
}
