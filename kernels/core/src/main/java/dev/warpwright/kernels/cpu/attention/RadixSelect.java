package dev.warpwright.kernels.cpu.attention;

import java.util.Arrays;

/**
 * Finds the k-th largest of some keys, unsigned 32-bit numbers, a byte at a time: a histogram of
 * the highest byte, then of the next one among those that agree with the k-th so far.
 */
final class RadixSelect {
  /** A key above those of all floats. */
  static final int HIGHEST = 0xffffffff;

  private final int[] histogram = new int[256];
  private int least;
  private int ties;

  /** Key of a score: rises with it; NaN has the lowest, −0 that of +0. */
  static int key(float score) {
    if (Float.isNaN(score)) {
      return 0;
    }
    int bits = Float.floatToRawIntBits(score + 0f);
    return bits ^ (bits >> 31 | 0x80000000);
  }

  /** Bytes of the scratch memory. */
  long bytes() {
    return (long) Integer.BYTES * histogram.length;
  }

  /** Finds the {@code k}-th largest of the first {@code count} keys; nothing if k is 0. */
  void find(int[] keys, int count, int k) {
    least = 0;
    ties = 0;
    int fixed = 0;
    int rest = k;
    for (int shift = 24; shift >= 0 && k > 0; shift -= 8) {
      Arrays.fill(histogram, 0);
      for (int i = 0; i < count; i++) {
        if ((keys[i] & fixed) == least) {
          histogram[keys[i] >>> shift & 255]++;
        }
      }
      int digit = 255;
      while (rest > histogram[digit]) {
        rest -= histogram[digit--];
      }
      least |= digit << shift;
      fixed |= 255 << shift;
      ties = rest;
    }
  }

  /** The k-th largest key. */
  int least() {
    return least;
  }

  /** How many keys equal to {@link #least} are among the k largest. */
  int ties() {
    return ties;
  }
}
