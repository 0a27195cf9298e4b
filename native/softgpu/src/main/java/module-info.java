/** A software GPU for tests and analysis. */
module dev.warpwright.softgpu {
  requires static transitive org.jspecify;
  requires static org.junit.jupiter.api;

  exports dev.warpwright.softgpu;
  exports dev.warpwright.softgpu.sim;
}
