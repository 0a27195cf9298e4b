package dev.warpwright.testkit;

import java.util.SplittableRandom;

/** Seeded random sizes and values for cases; the same seed gives the same case on every machine. */
public final class CaseRandom {
  private final long seed;
  private final SplittableRandom random;

  /** A generator with {@code seed}. */
  public CaseRandom(long seed) {
    this.seed = seed;
    this.random = new SplittableRandom(seed);
  }

  /** The seed, for the case's description. */
  public long seed() {
    return seed;
  }

  /** A number from {@code least} to {@code most}, both included. */
  public int between(int least, int most) {
    return random.nextInt(least, most + 1);
  }

  /**
   * A size from {@code least} to {@code most}, both included, that often lies at a power of two or
   * one beside it, at a limit, or at a prime.
   */
  public int size(int least, int most) {
    int size =
        switch (random.nextInt(4)) {
          case 0 ->
              (1 << random.nextInt(32 - Integer.numberOfLeadingZeros(Math.max(most, 1))))
                  + random.nextInt(-1, 2);
          case 1 -> PRIMES[random.nextInt(PRIMES.length)];
          case 2 ->
              random.nextInt(8) == 0
                  ? (random.nextBoolean() ? least : most)
                  : between(least, Math.min(most, least + 16));
          default -> between(least, most);
        };
    return size < least || size > most ? between(least, most) : size;
  }

  private static final int[] PRIMES = {
    3, 5, 7, 11, 13, 17, 31, 37, 61, 67, 97, 127, 131, 251, 257, 509, 521, 1021
  };

  /** One of the given values. */
  @SafeVarargs
  public final <T> T oneOf(T... values) {
    return values[random.nextInt(values.length)];
  }

  /** True with probability {@code p}. */
  public boolean chance(double p) {
    return random.nextDouble() < p;
  }

  /** A raw 64-bit number. */
  public long bits() {
    return random.nextLong();
  }

  /** A normally distributed value. */
  public float normal() {
    return (float) random.nextGaussian();
  }

  /** Normally distributed values of the given deviation. */
  public float[] normals(int count, float deviation) {
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = deviation * normal();
    }
    return values;
  }

  /** The numbers from 0 to {@code count − 1} in random order. */
  public int[] permutation(int count) {
    int[] order = new int[count];
    for (int i = 0; i < count; i++) {
      int j = random.nextInt(i + 1);
      order[i] = order[j];
      order[j] = i;
    }
    return order;
  }
}
