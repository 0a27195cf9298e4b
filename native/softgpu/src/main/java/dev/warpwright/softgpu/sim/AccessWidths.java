package dev.warpwright.softgpu.sim;

import java.util.Arrays;
import java.util.List;

/**
 * Accesses to global memory by width, the bytes that one instruction moves for one lane: 4 for
 * {@code ld.global.f32}, 16 for {@code ld.global.v4.f32} and for {@code cp.async} of 16 bytes, of
 * which fewer may be read. Entry i of a list is for 2^i bytes.
 *
 * @param requestsByPower instructions of warps
 * @param lanesByPower accesses of lanes
 */
public record AccessWidths(List<Long> requestsByPower, List<Long> lanesByPower) {
  /** Widths of 1, 2, 4, 8 and 16 bytes. */
  static final int COUNT = 5;

  AccessWidths(long[] requests, long[] lanes) {
    this(Arrays.stream(requests).boxed().toList(), Arrays.stream(lanes).boxed().toList());
  }

  /**
   * Instructions of warps.
   *
   * @param width bytes a lane: 1, 2, 4, 8 or 16
   */
  public long requests(int width) {
    return requestsByPower.get(power(width));
  }

  /**
   * Accesses of lanes.
   *
   * @param width bytes a lane: 1, 2, 4, 8 or 16
   */
  public long lanes(int width) {
    return lanesByPower.get(power(width));
  }

  /** Place of a width in the lists. */
  static int power(int width) {
    int power = Integer.numberOfTrailingZeros(width);
    if (width != 1 << power || power >= COUNT) {
      throw new IllegalArgumentException("width " + width + ": 1, 2, 4, 8 or 16");
    }
    return power;
  }
}
