/** The mixture-of-experts kernels on TornadoVM. */
@org.jspecify.annotations.NullMarked
package dev.warpwright.tornado.moe;
