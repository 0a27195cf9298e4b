/** The two host providers: scalar reference and Vector API. Internal. */
@org.jspecify.annotations.NullMarked
package dev.warpwright.kernels.cpu;
