/** Paged key/value cache and attention over it. */
@org.jspecify.annotations.NullMarked
package dev.warpwright.attention;
