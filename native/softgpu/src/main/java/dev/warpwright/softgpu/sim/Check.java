package dev.warpwright.softgpu.sim;

import java.util.Collections;
import java.util.EnumSet;
import java.util.Set;

/** Groups of checks. Bounds, alignment and use after free are always checked. */
public enum Check {
  /** Reads of bytes that nobody wrote, in global, shared and local memory. */
  UNINITIALISED,
  /** Accesses of two threads to the same bytes, one of them a write, that nothing orders. */
  RACE,
  /** Divergent and mismatched barriers, masks that name absent lanes. */
  SYNC;

  /** All of them. */
  public static Set<Check> all() {
    return Collections.unmodifiableSet(EnumSet.allOf(Check.class));
  }
}
