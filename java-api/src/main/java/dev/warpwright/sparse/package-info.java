/** Linear layers with dense, quantised and group-sparse weights. */
@org.jspecify.annotations.NullMarked
package dev.warpwright.sparse;
