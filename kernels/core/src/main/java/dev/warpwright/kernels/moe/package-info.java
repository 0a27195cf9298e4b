/** Contracts of the mixture-of-experts family. */
@org.jspecify.annotations.NullMarked
package dev.warpwright.kernels.moe;
