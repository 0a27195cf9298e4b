/** Contracts of the reduction family. */
@org.jspecify.annotations.NullMarked
package dev.warpwright.kernels.reduce;
