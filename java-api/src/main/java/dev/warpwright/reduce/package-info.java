/** Aggregation of many update vectors. */
@org.jspecify.annotations.NullMarked
package dev.warpwright.reduce;
