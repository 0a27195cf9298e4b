/** The Java API of Warpwright. */
module dev.warpwright {
  requires dev.warpwright.kernels;
  requires static org.jspecify;
}
