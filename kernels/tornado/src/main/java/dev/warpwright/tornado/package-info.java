/**
 * The provider {@code tornado}: kernels that TornadoVM compiles from Java for its devices. Users
 * find it with the service loader.
 */
@org.jspecify.annotations.NullMarked
package dev.warpwright.tornado;
