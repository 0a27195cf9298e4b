package dev.warpwright.kernels;

/**
 * Element type of a {@link Tensor}.
 *
 * <p>Multi-byte elements are stored in little-endian order. Packed 4- and 2-bit weights are not
 * element types: they live in their own format types, for example {@link
 * dev.warpwright.kernels.sparse.GroupSparseMatrix}.
 */
public enum DType {
  /** IEEE 754 binary32. */
  F32(4),
  /** IEEE 754 binary16. */
  F16(2),
  /** The upper half of a binary32: 8 exponent and 7 fraction bits. */
  BF16(2),
  /** OCP 8-bit float E4M3: largest finite value 448, no infinities, NaN is 0x7F or 0xFF. */
  F8E4M3(1),
  /** IEEE 754 binary64. */
  F64(8),
  /** Signed 64-bit integer. */
  I64(8),
  /** Signed 32-bit integer. */
  I32(4),
  /** 16-bit integer; signed unless a format says that it holds unsigned indices. */
  I16(2),
  /** Signed 8-bit integer. */
  I8(1),
  /** Unsigned 8-bit integer. */
  U8(1);

  private final int bytes;

  DType(int bytes) {
    this.bytes = bytes;
  }

  /** Size of one element in bytes. */
  public int bytes() {
    return bytes;
  }

  /** Whether elements are floating-point numbers. */
  public boolean isFloat() {
    return switch (this) {
      case F32, F16, BF16, F8E4M3, F64 -> true;
      case I64, I32, I16, I8, U8 -> false;
    };
  }
}
