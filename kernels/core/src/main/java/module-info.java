/** Tensors, kernel contracts, the provider SPI, and the kernels that run on any CPU. */
module dev.warpwright.kernels {
    // Present only when the program starts with --add-modules jdk.incubator.vector.
    requires static jdk.incubator.vector;
    requires static org.jspecify;
}
