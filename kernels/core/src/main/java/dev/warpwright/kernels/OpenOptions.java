package dev.warpwright.kernels;

/**
 * How a device is opened.
 *
 * @param ordinal which of the provider's devices
 * @param threads size of the pool of worker threads, the calling thread included; only host devices
 *     use it
 * @param nativeCode whether C kernels are used; only the provider {@code cpu} has any
 * @param vendorLibrary whether the vendor's library is used; only the provider {@code cuda} has
 *     one, cuBLAS
 */
public record OpenOptions(
    int ordinal, int threads, NativeCode nativeCode, VendorLibrary vendorLibrary) {
  /** Most worker threads that a pool may have. */
  public static final int MAX_THREADS = 1024;

  /** Checks the values. */
  public OpenOptions {
    Checks.between("ordinal", ordinal, 0, Integer.MAX_VALUE);
    Checks.between("threads", threads, 1, MAX_THREADS);
    Checks.notNull("nativeCode", nativeCode);
    Checks.notNull("vendorLibrary", vendorLibrary);
  }

  /**
   * The first device, with one thread for each processor, C kernels as {@link
   * NativeCode#configured} says, and the vendor's library as {@link VendorLibrary#configured} does.
   */
  public static OpenOptions defaults() {
    return new OpenOptions(
        0,
        Math.min(MAX_THREADS, Runtime.getRuntime().availableProcessors()),
        NativeCode.configured(),
        VendorLibrary.configured());
  }

  /** These options with another ordinal. */
  public OpenOptions withOrdinal(int value) {
    return new OpenOptions(value, threads, nativeCode, vendorLibrary);
  }

  /** These options with another number of threads. */
  public OpenOptions withThreads(int value) {
    return new OpenOptions(ordinal, value, nativeCode, vendorLibrary);
  }

  /** These options with another use of C kernels. */
  public OpenOptions withNativeCode(NativeCode value) {
    return new OpenOptions(ordinal, threads, value, vendorLibrary);
  }

  /** These options with another use of the vendor's library. */
  public OpenOptions withVendorLibrary(VendorLibrary value) {
    return new OpenOptions(ordinal, threads, nativeCode, value);
  }
}
