/** Launchers of the mixture-of-experts kernels. */
@org.jspecify.annotations.NullMarked
package dev.warpwright.cuda.moe;
