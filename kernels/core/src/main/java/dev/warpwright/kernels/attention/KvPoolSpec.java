package dev.warpwright.kernels.attention;

import dev.warpwright.kernels.Checks;
import dev.warpwright.kernels.DType;

/**
 * Size and element type of a pool of head pages. One head page holds {@code pageSize} slots of keys
 * and values of one kv head; one pool serves all layers.
 *
 * @param headPages number of pages
 * @param pageSize slots a page
 * @param headDim elements of one key or value
 * @param dtype how keys and values are stored
 */
public record KvPoolSpec(int headPages, int pageSize, int headDim, DType dtype) {
  /** Most slots that a page may have. */
  public static final int MAX_PAGE_SIZE = 128;

  /** Largest head dimension. */
  public static final int MAX_HEAD_DIM = 256;

  /** Checks the values. */
  public KvPoolSpec {
    Checks.between("headPages", headPages, 1, Integer.MAX_VALUE);
    Checks.between("pageSize", pageSize, 1, MAX_PAGE_SIZE);
    Checks.between("headDim", headDim, 8, MAX_HEAD_DIM);
    Checks.multipleOf("headDim", headDim, 8);
    Checks.notNull("dtype", dtype);
    Checks.dtype("pool", dtype, DType.F32, DType.F16, DType.BF16, DType.I8, DType.F8E4M3);
  }

  /** Bytes of keys and values of the whole pool in canonical form, without scales. */
  public long bytes() {
    return 2L * headPages * pageSize * headDim * dtype.bytes();
  }

  /** Bytes of the scales of the whole pool: two of F32 a slot where {@link KvQuantisation} is. */
  public long scaleBytes() {
    return KvQuantisation.applies(dtype) ? 2L * headPages * pageSize * DType.F32.bytes() : 0;
  }
}
