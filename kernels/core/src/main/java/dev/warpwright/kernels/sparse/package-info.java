/** Contracts and weight formats of the matrix-product family. */
@org.jspecify.annotations.NullMarked
package dev.warpwright.kernels.sparse;
