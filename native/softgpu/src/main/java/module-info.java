/** A software GPU for tests and analysis. */
module dev.warpwright.softgpu {
  requires static transitive org.jspecify;

  exports dev.warpwright.softgpu.sim;
}
