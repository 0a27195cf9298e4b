/** The matrix products on TornadoVM. */
@org.jspecify.annotations.NullMarked
package dev.warpwright.tornado.sparse;
