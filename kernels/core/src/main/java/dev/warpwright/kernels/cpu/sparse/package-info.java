/** Matrix products of the host providers. Internal. */
@org.jspecify.annotations.NullMarked
package dev.warpwright.kernels.cpu.sparse;
