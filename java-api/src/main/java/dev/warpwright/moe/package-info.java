/** Mixture-of-experts layers. */
@org.jspecify.annotations.NullMarked
package dev.warpwright.moe;
