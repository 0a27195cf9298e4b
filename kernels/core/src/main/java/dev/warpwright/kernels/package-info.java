/** Tensors, kernel contracts and the provider SPI. */
@NullMarked
package dev.warpwright.kernels;

import org.jspecify.annotations.NullMarked;
