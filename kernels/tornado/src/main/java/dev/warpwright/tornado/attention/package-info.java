/** The attention kernels on TornadoVM. */
@org.jspecify.annotations.NullMarked
package dev.warpwright.tornado.attention;
