/** Tensors, devices, providers, the catalogue, and what all contracts share. */
@org.jspecify.annotations.NullMarked
package dev.warpwright.kernels;
