package dev.warpwright.kernels;

/**
 * How a device is opened.
 *
 * @param ordinal which of the provider's devices
 * @param threads size of the pool of worker threads, the calling thread included; only host devices
 *     use it
 */
public record OpenOptions(int ordinal, int threads) {
  /** Most worker threads that a pool may have. */
  public static final int MAX_THREADS = 1024;

  /** Checks the values. */
  public OpenOptions {
    Checks.between("ordinal", ordinal, 0, Integer.MAX_VALUE);
    Checks.between("threads", threads, 1, MAX_THREADS);
  }

  /** The first device, with one thread for each processor. */
  public static OpenOptions defaults() {
    return new OpenOptions(0, Math.min(MAX_THREADS, Runtime.getRuntime().availableProcessors()));
  }

  /** These options with another ordinal. */
  public OpenOptions withOrdinal(int value) {
    return new OpenOptions(value, threads);
  }

  /** These options with another number of threads. */
  public OpenOptions withThreads(int value) {
    return new OpenOptions(ordinal, value);
  }
}
