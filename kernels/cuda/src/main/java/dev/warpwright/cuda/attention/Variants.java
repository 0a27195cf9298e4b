package dev.warpwright.cuda.attention;

import dev.warpwright.kernels.attention.KvPoolSpec;
import java.util.Locale;

/** Names of the instantiations of a kernel. */
final class Variants {
  private Variants() {}

  /** The kernel for a pool's element type, as {@code append_kv_f16}. */
  static String of(String kernel, KvPoolSpec pool) {
    return kernel + "_" + pool.dtype().name().toLowerCase(Locale.ROOT);
  }

  /** The kernel for a pool's element type and head dimension, as {@code paged_decode_f16_d128}. */
  static String byDim(String kernel, KvPoolSpec pool) {
    return of(kernel, pool) + "_d" + paddedDim(pool.headDim());
  }

  /** The smallest instantiated head dimension that holds {@code headDim}. */
  static int paddedDim(int headDim) {
    return headDim <= 64 ? 64 : headDim <= 128 ? 128 : 256;
  }
}
