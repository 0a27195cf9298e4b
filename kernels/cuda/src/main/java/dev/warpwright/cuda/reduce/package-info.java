/** Launchers of the reductions. */
@org.jspecify.annotations.NullMarked
package dev.warpwright.cuda.reduce;
