// Elements of keys and values. F32, F16 and BF16 stand for themselves; codes of one byte are
// multiplied by the scale of their key or value, whose largest magnitude is the largest code:
//
//   scale = min(max |x| / LARGEST, MOST_SCALE), code = x / scale, value = code * scale
//
// Each is rounded once, codes to nearest even. A vector of zeros has scale 0; one that is not finite
// has scale NaN and codes 0.
#pragma once

#include "common/vector.cuh"

struct I8 {
  static constexpr float LARGEST = 127;
  static constexpr float MOST_SCALE = 0x1.020406p121f; // whose product with LARGEST is finite
  signed char bits;
};

struct F8 { // E4M3: no infinities, and only the largest magnitude is NaN
  static constexpr float LARGEST = 448;
  static constexpr float MOST_SCALE = INFINITY;
  unsigned char bits;
};

template <typename T> constexpr bool CODED = false;
template <> inline constexpr bool CODED<I8> = true;
template <> inline constexpr bool CODED<F8> = true;

// The value of the code in the highest byte, exact. Sign, exponent and significand go to their places
// in a float, whose exponent is 120 too small then: subnormal codes are subnormal floats.
__device__ inline float f8_value(unsigned code) {
  float small = __int_as_float((int)code >> 4 & 0x87f00000);
  return (code & 0x7f000000) == 0x7f000000 ? NAN : small * 0x1p120f;
}

__device__ inline float widen(I8 x) { return x.bits; }
__device__ inline float widen(F8 x) { return f8_value((unsigned)x.bits << 24); }

// Four neighbouring codes of either type, exact.
__device__ inline Floats<4> decode4(unsigned codes, bool f8) {
  Floats<4> four;
  if (f8) {
#pragma unroll
    for (int i = 0; i < 4; i++) {
      four.value[i] = f8_value(codes << (24 - 8 * i));
    }
    return four;
  }
  unsigned above = codes ^ 0x80808080u; // codes + 128, the last bits of 2^23 + code + 128
#pragma unroll
  for (int i = 0; i < 4; i++) {
    four.value[i] =
        __uint_as_float(__byte_perm(above, 0x4b000000u, 0x7540 + i)) - (0x1p23f + 128);
  }
  return four;
}

__device__ inline void narrow(float x, float *to) { *to = x; }
__device__ inline void narrow(float x, __half *to) { *to = __float2half_rn(x); }
__device__ inline void narrow(float x, __nv_bfloat16 *to) {
  unsigned bits = __float_as_uint(x);
  // Half a step less one, and one more where the part that is kept is odd.
  unsigned rounded = isnan(x) ? bits | 0x400000 : bits + 0x7fff + (bits >> 16 & 1);
  *to = __ushort_as_bfloat16((unsigned short)(rounded >> 16));
}

// A magnitude in the order of integers, in which whatever is not finite is larger than the rest.
__device__ inline unsigned magnitude(float x) { return __float_as_uint(x) & 0x7fffffff; }

// The scale of a vector, from its largest magnitude.
template <typename E> __device__ float scale_of(unsigned most) {
  return most < 0x7f800000 ? fminf(__uint_as_float(most) / E::LARGEST, E::MOST_SCALE) : NAN;
}

// The code of x / scale, in the lowest byte.
template <typename E> __device__ unsigned code_of(float x, float scale);

template <> __device__ inline unsigned code_of<I8>(float x, float scale) {
  if (scale == 0 || isnan(scale)) {
    return 0;
  }
  // A scale that is subnormal may be rounded so far down that a quotient is larger than LARGEST.
  return (int)fmaxf(-I8::LARGEST, fminf(rintf(x / scale), I8::LARGEST)) & 0xff;
}

template <> __device__ inline unsigned code_of<F8>(float x, float scale) {
  if (scale == 0 || isnan(scale)) {
    return 0;
  }
  float quotient = x / scale;
  float size = fminf(fabsf(quotient), F8::LARGEST);
  unsigned bits = __float_as_uint(size);
  // Subnormal codes are multiples of 2^-9; a carry leads to the smallest normal one.
  unsigned code = size < 0x1p-6f
                      ? (unsigned)rintf(size * 0x1p9f)
                      : ((bits + 0x7ffff + (bits >> 20 & 1)) >> 20) - (120 << 3);
  return (__float_as_uint(quotient) >> 24 & 0x80) | code;
}

template <typename E> __device__ unsigned encode4(const Floats<4> &x, float scale) {
  unsigned codes = 0;
#pragma unroll
  for (int i = 0; i < 4; i++) {
    codes |= code_of<E>(x.value[i], scale) << 8 * i;
  }
  return codes;
}
