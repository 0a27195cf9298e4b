package dev.warpwright.softgpu.driver;

import dev.warpwright.softgpu.CudaResult;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** Element types of matrices, with cuBLAS's numbers. */
enum BlasType {
  F32(0, Float.BYTES) {
    @Override
    float get(MemorySegment column, long index) {
      return column.getAtIndex(ValueLayout.JAVA_FLOAT_UNALIGNED, index);
    }

    @Override
    void set(MemorySegment column, long index, float value) {
      column.setAtIndex(ValueLayout.JAVA_FLOAT_UNALIGNED, index, value);
    }
  },
  F16(2, Short.BYTES) {
    @Override
    float get(MemorySegment column, long index) {
      return Float.float16ToFloat(column.getAtIndex(ValueLayout.JAVA_SHORT_UNALIGNED, index));
    }

    @Override
    void set(MemorySegment column, long index, float value) {
      column.setAtIndex(ValueLayout.JAVA_SHORT_UNALIGNED, index, Float.floatToFloat16(value));
    }
  },
  BF16(14, Short.BYTES) {
    @Override
    float get(MemorySegment column, long index) {
      return Float.intBitsToFloat(
          column.getAtIndex(ValueLayout.JAVA_SHORT_UNALIGNED, index) << Short.SIZE);
    }

    // To nearest, ties to even.
    @Override
    void set(MemorySegment column, long index, float value) {
      int bits = Float.floatToIntBits(value);
      int rounded =
          Float.isNaN(value) ? bits >>> 16 | 0x40 : (bits + 0x7fff + (bits >>> 16 & 1)) >>> 16;
      column.setAtIndex(ValueLayout.JAVA_SHORT_UNALIGNED, index, (short) rounded);
    }
  };

  private final int code;
  private final int bytes;

  BlasType(int code, int bytes) {
    this.code = code;
    this.bytes = bytes;
  }

  int code() {
    return code;
  }

  int bytes() {
    return bytes;
  }

  abstract float get(MemorySegment column, long index);

  abstract void set(MemorySegment column, long index, float value);

  static BlasType of(int code) {
    for (BlasType type : values()) {
      if (type.code == code) {
        return type;
      }
    }
    throw new CudaFailure(CudaResult.NOT_SUPPORTED);
  }
}
