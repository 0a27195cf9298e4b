package dev.warpwright.cuda.attention;

import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.attention.KvPoolSpec;
import java.util.Locale;

/** Names of the instantiations of a kernel. */
final class Variants {
  private Variants() {}

  /** The kernel for a pool's element type, as {@code append_kv_f16}. */
  static String of(String kernel, KvPoolSpec pool) {
    return kernel + "_" + pool.dtype().name().toLowerCase(Locale.ROOT);
  }

  /**
   * The kernel that multiplies a pool's elements, by head dimension, as {@code
   * paged_decode_f16_d128}. One takes BF16 and all that BF16 holds exactly.
   */
  static String byDim(String kernel, KvPoolSpec pool) {
    String elements =
        switch (pool.dtype()) {
          case F32 -> "f32";
          case F16 -> "f16";
          default -> "narrow";
        };
    return kernel + "_" + elements + "_d" + paddedDim(pool.headDim());
  }

  /** Bytes of an element as that kernel multiplies it. */
  static int elementBytes(KvPoolSpec pool) {
    return pool.dtype() == DType.F32 ? Float.BYTES : Short.BYTES;
  }

  /** The smallest instantiated head dimension that holds {@code headDim}. */
  static int paddedDim(int headDim) {
    return headDim <= 64 ? 64 : headDim <= 128 ? 128 : 256;
  }
}
