package dev.warpwright.softgpu.sim;

import org.jspecify.annotations.Nullable;

/** Types of PTX operands. */
enum PtxType {
  PRED("pred", 0),
  B8("b8", 1),
  B16("b16", 2),
  B32("b32", 4),
  B64("b64", 8),
  U8("u8", 1),
  U16("u16", 2),
  U32("u32", 4),
  U64("u64", 8),
  S8("s8", 1),
  S16("s16", 2),
  S32("s32", 4),
  S64("s64", 8),
  F16("f16", 2),
  F16X2("f16x2", 4),
  BF16("bf16", 2),
  BF16X2("bf16x2", 4),
  F32("f32", 4),
  F64("f64", 8),
  TF32("tf32", 4),
  E4M3X2("e4m3x2", 2),
  E5M2X2("e5m2x2", 2);

  final String text;
  final int bytes;

  PtxType(String text, int bytes) {
    this.text = text;
    this.bytes = bytes;
  }

  static @Nullable PtxType of(String text) {
    for (PtxType type : values()) {
      if (type.text.equals(text)) {
        return type;
      }
    }
    return null;
  }

  boolean isSigned() {
    return this == S8 || this == S16 || this == S32 || this == S64;
  }

  boolean isUnsigned() {
    return this == U8 || this == U16 || this == U32 || this == U64;
  }

  boolean isInteger() {
    return isSigned() || isUnsigned();
  }

  boolean isBits() {
    return this == B8 || this == B16 || this == B32 || this == B64;
  }

  boolean isFloat() {
    return this != PRED && !isBits() && !isInteger();
  }
}
