package dev.warpwright.kernels.cpu.attention;

import java.util.Arrays;

/**
 * Finds the k-th largest of some keys, unsigned 32-bit numbers, eleven bits at a time: a histogram
 * of the highest, then of the next ones among those keys that agree with the k-th so far, which are
 * set apart.
 */
final class RadixSelect {
  /** A key above those of all floats. */
  static final int HIGHEST = 0xffffffff;

  private static final int BITS = 11;

  private final int[] histogram = new int[1 << BITS];
  private int[] agreeing = new int[0];
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

  /** Makes room for {@code count} keys. */
  void reserve(int count) {
    if (agreeing.length < count) {
      agreeing = new int[count];
    }
  }

  /** Bytes of the scratch memory. */
  long bytes() {
    return (long) Integer.BYTES * (histogram.length + agreeing.length);
  }

  /** Finds the {@code k}-th largest of the first {@code count} keys; nothing if k is 0. */
  void find(int[] keys, int count, int k) {
    least = 0;
    ties = k;
    if (k == 0) {
      return;
    }
    int[] left = keys;
    int size = count;
    for (int shift = 2 * BITS - 1; ; shift = Math.max(0, shift - BITS)) {
      // The lowest digit shares a bit with the one above it, which all that are left have alike.
      int digit = digit(left, size, shift);
      least |= digit << shift;
      if (shift == 0) {
        return;
      }
      size = agree(left, size, shift, digit);
      left = agreeing;
    }
  }

  /** The digit, from bit {@code shift} on, of the key that is looked for. */
  private int digit(int[] keys, int size, int shift) {
    Arrays.fill(histogram, 0);
    int mask = histogram.length - 1;
    for (int i = 0; i < size; i++) {
      histogram[keys[i] >>> shift & mask]++;
    }
    int digit = mask;
    while (ties > histogram[digit]) {
      ties -= histogram[digit--];
    }
    return digit;
  }

  /** Sets the keys with a digit apart; those that were there already only move to the front. */
  private int agree(int[] keys, int size, int shift, int digit) {
    int mask = histogram.length - 1;
    int agree = 0;
    for (int i = 0; i < size; i++) {
      agreeing[agree] = keys[i];
      agree += (keys[i] >>> shift & mask) == digit ? 1 : 0;
    }
    return agree;
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
