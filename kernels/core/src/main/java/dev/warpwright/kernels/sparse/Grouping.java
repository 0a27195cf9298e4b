package dev.warpwright.kernels.sparse;

import dev.warpwright.kernels.Checks;

/**
 * Codes and groups of a quantised matrix. A group is {@code size} consecutive weights of one row;
 * the last group of a row may reach past the row's end, where its codes stand for zero. A code u
 * stands for {@code scale · (u − zero)}; codes of a symmetric grouping have the fixed zero
 * 2^(bits−1).
 *
 * @param bits bits of a code: 8, 4 or 2; codes of 4 and 2 bits are packed from the low bits of a
 *     byte up
 * @param size weights of a group: 8, 16, 32, 64 or 128
 * @param symmetric whether the zero is fixed; otherwise each group stores one U8 zero point
 */
public record Grouping(int bits, int size, boolean symmetric) {
  /** Checks the values. */
  public Grouping {
    Checks.that(bits == 8 || bits == 4 || bits == 2, "bits", bits, "8, 4 or 2");
    Checks.that(
        size >= 8 && size <= 128 && Integer.bitCount(size) == 1,
        "size",
        size,
        "8, 16, 32, 64 or 128");
  }

  /** Symmetric 4-bit codes. */
  public static Grouping w4(int size) {
    return new Grouping(4, size, true);
  }

  /** Bytes of the codes of one group. */
  public int codeBytes() {
    return size * bits / 8;
  }

  /** Groups of a row of {@code columns} weights. */
  public int groups(int columns) {
    return (columns + size - 1) / size;
  }

  /** The code that stands for zero in a symmetric grouping. */
  public int zero() {
    return 1 << (bits - 1);
  }
}
