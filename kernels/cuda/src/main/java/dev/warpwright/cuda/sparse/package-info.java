/** Launchers of the matrix products. */
@org.jspecify.annotations.NullMarked
package dev.warpwright.cuda.sparse;
