/** Contracts of the attention family. */
@org.jspecify.annotations.NullMarked
package dev.warpwright.kernels.attention;
