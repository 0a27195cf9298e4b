/** Launchers of the attention kernels. */
@org.jspecify.annotations.NullMarked
package dev.warpwright.cuda.attention;
