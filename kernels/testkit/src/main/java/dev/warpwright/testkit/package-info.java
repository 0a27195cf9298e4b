/**
 * What every provider is tested with: case generators, contracts, comparison with the reference,
 * guarded memory.
 */
@org.jspecify.annotations.NullMarked
package dev.warpwright.testkit;
