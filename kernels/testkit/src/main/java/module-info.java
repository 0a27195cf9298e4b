/** Case generators, comparators and contract tests that every kernel provider is held to. */
module dev.warpwright.testkit {
    requires dev.warpwright.kernels;
    requires static org.jspecify;
    requires static org.junit.jupiter.api;
}
