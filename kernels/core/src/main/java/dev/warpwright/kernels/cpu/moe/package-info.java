/** Mixture-of-experts kernels of the host providers. Internal. */
@org.jspecify.annotations.NullMarked
package dev.warpwright.kernels.cpu.moe;
