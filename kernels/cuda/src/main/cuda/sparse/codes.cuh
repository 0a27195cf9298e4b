// Codes to BF16. A code minus its zero point is an integer of at most 255, so nothing is rounded,
// and the zero point needs no correction by sums of x.
#pragma once

#include <cuda_bf16.h>

__device__ inline __nv_bfloat162 bf16x2(unsigned bits) {
  return *reinterpret_cast<__nv_bfloat162 *>(&bits);
}

__device__ inline unsigned bits(__nv_bfloat162 pair) {
  return *reinterpret_cast<unsigned *>(&pair);
}

// A small integer twice.
__device__ inline __nv_bfloat162 twice(int value) { return __float2bfloat162_rn((float)value); }

// A pair of codes below 128, in the low bits of both halves, minus the zero point. 0x4300 is 128,
// and the code is its last bits.
__device__ inline unsigned minus_zero(unsigned pair, __nv_bfloat162 zero) {
  __nv_bfloat162 code = __hsub2(bf16x2(pair | 0x43004300u), twice(128));
  return bits(__hsub2(code, zero));
}

// Four neighbours: codes 0 and 1 to pairs[0], 2 and 3 to pairs[1].
template <int BITS>
__device__ void decode(unsigned codes, __nv_bfloat162 zero, unsigned (&pairs)[2]) {
  if constexpr (BITS == 8) {
    // The bits of 2^23 + code; a byte less its zero point fits in the upper half of a float.
    float offset = 0x1p23f + __low2float(zero);
    float value[4];
#pragma unroll
    for (int i = 0; i < 4; i++) {
      value[i] = __uint_as_float(__byte_perm(codes, 0x4b000000u, 0x7540 + i)) - offset;
    }
#pragma unroll
    for (int i = 0; i < 2; i++) {
      pairs[i] = __byte_perm(__float_as_uint(value[2 * i]), __float_as_uint(value[2 * i + 1]),
                             0x7632);
    }
  } else {
    constexpr unsigned MASK = BITS == 4 ? 0x000f000fu : 0x00030003u;
    unsigned spread = codes | codes << (16 - BITS);
    pairs[0] = minus_zero(spread & MASK, zero);
    pairs[1] = minus_zero(spread >> 2 * BITS & MASK, zero);
  }
}
