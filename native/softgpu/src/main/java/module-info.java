/** A software GPU for tests and analysis. */
module dev.warpwright.softgpu {
  requires static transitive org.jspecify;
  requires static transitive org.junit.jupiter.api;

  exports dev.warpwright.softgpu;
  exports dev.warpwright.softgpu.sim;
}
