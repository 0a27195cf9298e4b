/** The reductions on TornadoVM. */
@org.jspecify.annotations.NullMarked
package dev.warpwright.tornado.reduce;
