package dev.warpwright.kernels;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;

/**
 * Host memory: a heap, direct or mapped {@link MemorySegment} that the caller owns. Nothing is
 * copied.
 *
 * @param segment the memory; must be accessible from every thread because kernels run on a pool of
 *     threads
 */
public record HostMemory(MemorySegment segment) implements Memory {
  /** Name of the place of all host memory. */
  public static final String PLACE = "host";

  /**
   * Wraps a segment.
   *
   * @throws InvalidArgumentException if the segment belongs to a confined arena, or its arena is
   *     closed
   */
  public HostMemory {
    Checks.notNull("segment", segment);
    if (!segment.isAccessibleBy(OTHER_THREAD)) {
      throw new InvalidArgumentException(
          "segment",
          "memory of a confined arena",
          "memory that all threads can access: use Arena.ofShared(), Arena.ofAuto() or a heap array");
    }
    Checks.that(
        segment.scope().isAlive(),
        "segment",
        "memory of a closed arena",
        "memory of an open arena");
  }

  static {
    // The JVM stops a thread whose arena another thread closes, even while that thread initialises
    // a
    // class of the foreign memory API, which is unusable from then on. So they are initialised
    // here,
    // before any segment is read.
    for (ValueLayout layout :
        List.of(
            ValueLayout.JAVA_BYTE,
            ValueLayout.JAVA_SHORT_UNALIGNED,
            ValueLayout.JAVA_INT_UNALIGNED,
            ValueLayout.JAVA_LONG_UNALIGNED,
            ValueLayout.JAVA_FLOAT_UNALIGNED,
            ValueLayout.JAVA_DOUBLE_UNALIGNED)) {
      layout.varHandle();
    }
  }

  /** Never started: stands for "a thread other than the owner" in the confinement check. */
  private static final Thread OTHER_THREAD = Thread.ofPlatform().unstarted(() -> {});

  @Override
  public long bytes() {
    return segment.byteSize();
  }

  @Override
  public String place() {
    return PLACE;
  }

  @Override
  public boolean isAlive() {
    return segment.scope().isAlive();
  }
}
