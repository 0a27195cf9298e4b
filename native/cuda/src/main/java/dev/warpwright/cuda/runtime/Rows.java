package dev.warpwright.cuda.runtime;

import dev.warpwright.kernels.InvalidArgumentException;

/**
 * Rows of equal length at equal distances in a piece of memory, for two-dimensional copies.
 *
 * @param offset first byte of the first row
 * @param pitch bytes from the start of a row to the start of the next, at least {@code width}
 * @param width bytes of a row, at least 1
 * @param height number of rows, at least 1
 */
public record Rows(long offset, long pitch, long width, long height) {
  /** Checks the values. */
  public Rows {
    if (offset < 0) {
      throw new InvalidArgumentException("offset", offset, "0 or more");
    }
    if (width < 1) {
      throw new InvalidArgumentException("width", width, "1 or more");
    }
    if (height < 1) {
      throw new InvalidArgumentException("height", height, "1 or more");
    }
    if (pitch < width) {
      throw new InvalidArgumentException("pitch", pitch, width + " (the width) or more");
    }
    if (pitch > (Long.MAX_VALUE - offset - width) / height) {
      throw new InvalidArgumentException("pitch", pitch, "less: the rows end beyond 2^63 bytes");
    }
  }

  /** Bytes from the start of the first to the end of the last row. */
  public long extent() {
    return (height - 1) * pitch + width;
  }

  /** Refuses rows of another width or height. */
  void requireSameSize(Rows other) {
    if (other.width != width || other.height != height) {
      throw new InvalidArgumentException(
          "rows",
          other.height + " of " + other.width + " bytes",
          height + " of " + width + " bytes, as at the other end");
    }
  }
}
