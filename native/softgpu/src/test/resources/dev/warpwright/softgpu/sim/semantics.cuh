// Functions of three 64-bit values, the same for the device and for the host. BOTH chooses: the
// intrinsic whose PTX is under test, or what C++ defines under the rounding mode that is set.
#pragma once
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_fp8.h>
#include <cmath>
#include <cstdint>
#include <cstring>

#ifdef __CUDA_ARCH__
#define BOTH(device, host) (device)
#else
#define BOTH(device, host) (host)
#endif

typedef uint64_t u64;
typedef unsigned __int128 u128;
typedef __int128 s128;

template <class To, class From>
__host__ __device__ inline To cast(From from) {
  To to{};
  memcpy(&to, &from, sizeof(To) < sizeof(From) ? sizeof(To) : sizeof(From));
  return to;
}

__host__ __device__ inline u64 out(float x) { return x != x ? 0x7fffffff : cast<uint32_t>(x); }
__host__ __device__ inline u64 out(double x) {
  return x != x ? 0x7fffffffffffffff : cast<u64>(x);
}
// NaNs of half formats are the canonical one on the device and anything on the host.
__host__ __device__ inline u64 out(__half x) {
  uint16_t bits = cast<uint16_t>(x);
  return (bits & 0x7fff) > 0x7c00 ? 0x7fff : bits;
}
__host__ __device__ inline u64 out(__nv_bfloat16 x) {
  uint16_t bits = cast<uint16_t>(x);
  return (bits & 0x7fff) > 0x7f80 ? 0x7fff : bits;
}
__host__ __device__ inline u64 out(__half2 x) {
  return out(__low2half(x)) | out(__high2half(x)) << 16;
}
__host__ __device__ inline u64 out(__nv_bfloat162 x) {
  return out(__low2bfloat16(x)) | out(__high2bfloat16(x)) << 16;
}

#define F(v) cast<float>(v)
#define D(v) cast<double>(v)
#define H(v) cast<__half>(v)
#define H2(v) cast<__half2>(v)
#define B(v) cast<__nv_bfloat16>(v)
#define B2(v) cast<__nv_bfloat162>(v)
#define I(v) ((int32_t)(v))
#define U(v) ((uint32_t)(v))
#define L(v) ((int64_t)(v))

#ifndef __CUDA_ARCH__
// What does not fit is clamped. From float to 32 bits, NaN becomes 0.
static inline u64 clamped(double x, double least, double most) {
  return x != x ? 0 : x < least ? (u64)(int64_t)least : x > most ? (u64)(int64_t)most : (u64)(int64_t)x;
}
// From double or to 64 bits, NaN becomes the smallest integer.
static inline u64 clampedInt(double x) {
  return x != x ? 0x80000000u : (uint32_t)clamped(x, -0x1p31, 0x1p31 - 1);
}
static inline u64 clampedLong(double x) {
  return x != x ? 1ull << 63 : x < -0x1p63 ? 1ull << 63 : x >= 0x1p63 ? ~0ull >> 1 : (u64)(int64_t)x;
}
static inline uint32_t permuted(uint32_t a, uint32_t b, uint32_t selector) {
  u64 both = (u64)b << 32 | a;
  uint32_t result = 0;
  for (int i = 0; i < 4; i++) {
    uint32_t nibble = selector >> 4 * i & 15, byte = both >> 8 * (nibble & 7) & 255;
    if (nibble & 8) byte = byte & 128 ? 255 : 0;
    result |= byte << 8 * i;
  }
  return result;
}
// The modes of prmt: byte b of the result, from bytes by number in b:a.
static inline uint32_t permutedBy(int mode, uint32_t a, uint32_t b, uint32_t c) {
  static const char* forward[4] = {"0123", "1234", "2345", "3456"};
  static const char* backward[4] = {"0765", "1076", "2107", "3210"};
  static const char* edgeLeft[4] = {"0123", "1123", "2223", "3333"};
  static const char* edgeRight[4] = {"0000", "0111", "0122", "0123"};
  static const char* halves[4] = {"0101", "2323", "0101", "2323"};
  static const char* same[4] = {"0000", "1111", "2222", "3333"};
  const char** modes[] = {forward, backward, same, edgeLeft, edgeRight, halves};
  u64 both = (u64)b << 32 | a;
  uint32_t result = 0;
  for (int i = 0; i < 4; i++) result |= (uint32_t)(both >> 8 * (modes[mode][c & 3][i] - '0') & 255) << 8 * i;
  return result;
}
#endif

#ifdef __CUDA_ARCH__
#define ASM32(text, a, b, c)                                                               \
  ({                                                                                       \
    uint32_t d;                                                                            \
    asm(text : "=r"(d) : "r"((uint32_t)(a)), "r"((uint32_t)(b)), "r"((uint32_t)(c)));      \
    (u64) d;                                                                               \
  })
#else
#define ASM32(text, a, b, c) 0
#endif

#define FP8(kind, sat) (u64) __nv_cvt_float_to_fp8(F(a), sat, kind)
#define FROM8(kind) out(__half(__nv_cvt_fp8_to_halfraw((uint8_t)a, kind)))

// Rounding in the name: the host sets the mode, the device has an intrinsic for each.
#define ROUNDED(X, name, device, host, r0, r1, r2, r3)         \
  X(name##_rn, 0, BOTH(device(r0), host))                      \
  X(name##_rz, 1, BOTH(device(r1), host))                      \
  X(name##_rd, 2, BOTH(device(r2), host))                      \
  X(name##_ru, 3, BOTH(device(r3), host))

#define D_FADD(r) out(__fadd##r(F(a), F(b)))
#define D_FSUB(r) out(__fsub##r(F(a), F(b)))
#define D_FMUL(r) out(__fmul##r(F(a), F(b)))
#define D_FMA(r) out(__fmaf##r(F(a), F(b), F(c)))
#define D_FDIV(r) out(__fdiv##r(F(a), F(b)))
#define D_FRCP(r) out(__frcp##r(F(a)))
#define D_FSQRT(r) out(__fsqrt##r(F(a)))
#define D_DADD(r) out(__dadd##r(D(a), D(b)))
#define D_DMUL(r) out(__dmul##r(D(a), D(b)))
#define D_DFMA(r) out(__fma##r(D(a), D(b), D(c)))
#define D_DDIV(r) out(__ddiv##r(D(a), D(b)))
#define D_DSQRT(r) out(__dsqrt##r(D(a)))
#define D_D2F(r) out(__double2float##r(D(a)))
#define D_I2F(r) out(__int2float##r(I(a)))
#define D_U2F(r) out(__uint2float##r(U(a)))
#define D_L2F(r) out(__ll2float##r(L(a)))
#define D_L2D(r) out(__ll2double##r(L(a)))
#define D_F2I(r) (u64)(uint32_t)__float2int##r(F(a))
#define D_F2U(r) (u64) __float2uint##r(F(a))
#define D_D2I(r) (u64)(uint32_t)__double2int##r(D(a))
#define D_D2L(r) (u64) __double2ll##r(D(a))

#define OPERATIONS(X)                                                                         \
  ROUNDED(X, fadd, D_FADD, out(F(a) + F(b)), _rn, _rz, _rd, _ru)                              \
  ROUNDED(X, fsub, D_FSUB, out(F(a) - F(b)), _rn, _rz, _rd, _ru)                              \
  ROUNDED(X, fmul, D_FMUL, out(F(a) * F(b)), _rn, _rz, _rd, _ru)                              \
  ROUNDED(X, fma, D_FMA, out(std::fma(F(a), F(b), F(c))), _rn, _rz, _rd, _ru)                 \
  ROUNDED(X, fdiv, D_FDIV, out(F(a) / F(b)), _rn, _rz, _rd, _ru)                              \
  ROUNDED(X, frcp, D_FRCP, out(1.f / F(a)), _rn, _rz, _rd, _ru)                               \
  ROUNDED(X, fsqrt, D_FSQRT, out(std::sqrt(F(a))), _rn, _rz, _rd, _ru)                        \
  ROUNDED(X, dadd, D_DADD, out(D(a) + D(b)), _rn, _rz, _rd, _ru)                              \
  ROUNDED(X, dmul, D_DMUL, out(D(a) * D(b)), _rn, _rz, _rd, _ru)                              \
  ROUNDED(X, dfma, D_DFMA, out(std::fma(D(a), D(b), D(c))), _rn, _rz, _rd, _ru)               \
  ROUNDED(X, ddiv, D_DDIV, out(D(a) / D(b)), _rn, _rz, _rd, _ru)                              \
  ROUNDED(X, dsqrt, D_DSQRT, out(std::sqrt(D(a))), _rn, _rz, _rd, _ru)                        \
  ROUNDED(X, double2float, D_D2F, out((float)D(a)), _rn, _rz, _rd, _ru)                       \
  ROUNDED(X, int2float, D_I2F, out((float)I(a)), _rn, _rz, _rd, _ru)                          \
  ROUNDED(X, uint2float, D_U2F, out((float)U(a)), _rn, _rz, _rd, _ru)                         \
  ROUNDED(X, ll2float, D_L2F, out((float)L(a)), _rn, _rz, _rd, _ru)                           \
  ROUNDED(X, ll2double, D_L2D, out((double)L(a)), _rn, _rz, _rd, _ru)                         \
  ROUNDED(X, float2int, D_F2I,                                                                \
          (u64)(uint32_t)clamped(std::rint((double)F(a)), -0x1p31, 0x1p31 - 1), _rn, _rz, _rd, _ru)     \
  ROUNDED(X, float2uint, D_F2U, clamped(std::rint((double)F(a)), 0, 0x1p32 - 1), _rn, _rz, _rd, _ru)    \
  ROUNDED(X, double2int, D_D2I, clampedInt(std::rint(D(a))), _rn, _rz, _rd, _ru)              \
  ROUNDED(X, double2ll, D_D2L, clampedLong(std::rint(D(a))), _rn, _rz, _rd, _ru)              \
  X(float2half_rn, 0, out(__float2half_rn(F(a))))                                             \
  X(float2half_rz, 0, out(__float2half_rz(F(a))))                                             \
  X(float2half_rd, 0, out(__float2half_rd(F(a))))                                             \
  X(float2half_ru, 0, out(__float2half_ru(F(a))))                                             \
  X(double2half, 0, out(__double2half(D(a))))                                                 \
  X(half2float, 0, out(__half2float(H(a))))                                                   \
  X(int2half_rn, 0, out(__int2half_rn(I(a))))                                                 \
  X(uint2half_rz, 0, out(__uint2half_rz(U(a))))                                               \
  X(half2int_rz, 0, (u64)(uint32_t)__half2int_rz(H(a)))                                       \
  X(half2ushort_rz, 0, (u64)__half2ushort_rz(H(a)))                                           \
  X(half2ll_rz, 0, (u64)__half2ll_rz(H(a)))                                                   \
  X(hadd, 0, out(__hadd(H(a), H(b))))                                                         \
  X(hsub, 0, out(__hsub(H(a), H(b))))                                                         \
  X(hmul, 0, out(__hmul(H(a), H(b))))                                                         \
  X(hdiv, 0, out(__hdiv(H(a), H(b))))                                                         \
  X(hadd_sat, 0, out(__hadd_sat(H(a), H(b))))                                                 \
  X(hmax, 0, out(__hmax(H(a), H(b))))                                                         \
  X(hmin_nan, 0, out(__hmin_nan(H(a), H(b))))                                                 \
  X(hadd2, 0, out(__hadd2(H2(a), H2(b))))                                                     \
  X(hmul2, 0, out(__hmul2(H2(a), H2(b))))                                                     \
  X(hlt, 0, (u64)__hlt(H(a), H(b)))                                                           \
  X(hgeu, 0, (u64)__hgeu(H(a), H(b)))                                                         \
  X(float2bfloat16_rn, 0, out(__float2bfloat16_rn(F(a))))                                     \
  X(float2bfloat16_rz, 0, out(__float2bfloat16_rz(F(a))))                                     \
  X(float2bfloat16_rd, 0, out(__float2bfloat16_rd(F(a))))                                     \
  X(float2bfloat16_ru, 0, out(__float2bfloat16_ru(F(a))))                                     \
  X(double2bfloat16, 0, out(__double2bfloat16(D(a))))                                         \
  X(bfloat162float, 0, out(__bfloat162float(B(a))))                                           \
  X(int2bfloat16_rn, 0, out(__int2bfloat16_rn(I(a))))                                         \
  X(bfloat162int_rz, 0, (u64)(uint32_t)__bfloat162int_rz(B(a)))                               \
  X(badd, 0, out(__hadd(B(a), B(b))))                                                         \
  X(bsub, 0, out(__hsub(B(a), B(b))))                                                         \
  X(bmul, 0, out(__hmul(B(a), B(b))))                                                         \
  X(bdiv, 0, out(__hdiv(B(a), B(b))))                                                         \
  X(bmax, 0, out(__hmax(B(a), B(b))))                                                         \
  X(badd2, 0, out(__hadd2(B2(a), B2(b))))                                                     \
  X(blt, 0, (u64)__hlt(B(a), B(b)))                                                           \
  X(e4m3_saturated, 0, FP8(__NV_E4M3, __NV_SATFINITE))                                        \
  X(e5m2_saturated, 0, FP8(__NV_E5M2, __NV_SATFINITE))                                        \
  X(e4m3_from_half, 0, (u64)__nv_cvt_halfraw_to_fp8(H(a), __NV_SATFINITE, __NV_E4M3))         \
  X(e5m2_from_half, 0, (u64)__nv_cvt_halfraw_to_fp8(H(a), __NV_SATFINITE, __NV_E5M2))         \
  X(half_from_e4m3, 0, FROM8(__NV_E4M3))                                                      \
  X(half_from_e5m2, 0, FROM8(__NV_E5M2))                                                      \
  X(mulhi64, 0, (u64)((u128)a * b >> 64))                                                     \
  X(mulhis64, 0, (u64)((s128)L(a) * L(b) >> 64))                                              \
  X(add128, 0, (u64)((((u128)a << 64 | b) + ((u128)b << 64 | c)) >> 64))                      \
  X(sub128, 0, (u64)((((u128)a << 64 | b) - ((u128)b << 64 | c)) >> 64))                      \
  X(mul128, 0, (u64)(((u128)a << 64 | b) * ((u128)b << 64 | c) >> 64))                        \
  X(div64, 0, a / (b | 1))                                                                    \
  X(rem64, 0, (u64)(L(a) % (L(b >> 1) | 1)))                                                  \
  X(shl64, 0, a << (b & 63))                                                                  \
  X(sar64, 0, (u64)(L(a) >> (b & 63)))                                                        \
  X(prmt, 0, BOTH(ASM32("prmt.b32 %0, %1, %2, %3;", a, b, c), permuted(a, b, c)))             \
  X(prmt_f4e, 0, BOTH(ASM32("prmt.b32.f4e %0, %1, %2, %3;", a, b, c), permutedBy(0, a, b, c))) \
  X(prmt_b4e, 0, BOTH(ASM32("prmt.b32.b4e %0, %1, %2, %3;", a, b, c), permutedBy(1, a, b, c))) \
  X(prmt_rc8, 0, BOTH(ASM32("prmt.b32.rc8 %0, %1, %2, %3;", a, b, c), permutedBy(2, a, b, c))) \
  X(prmt_ecl, 0, BOTH(ASM32("prmt.b32.ecl %0, %1, %2, %3;", a, b, c), permutedBy(3, a, b, c))) \
  X(prmt_ecr, 0, BOTH(ASM32("prmt.b32.ecr %0, %1, %2, %3;", a, b, c), permutedBy(4, a, b, c))) \
  X(prmt_rc16, 0, BOTH(ASM32("prmt.b32.rc16 %0, %1, %2, %3;", a, b, c), permutedBy(5, a, b, c))) \
  X(addc, 0,                                                                                  \
    BOTH(ASM32("{.reg .u32 t; add.cc.u32 t, %1, %2; addc.u32 %0, %2, %3;}", a, b, c),         \
         (u64)(uint32_t)(U(b) + U(c) + ((u64)U(a) + U(b) >> 32))))                            \
  X(subc, 0,                                                                                  \
    BOTH(ASM32("{.reg .u32 t; sub.cc.u32 t, %1, %2; subc.u32 %0, %2, %3;}", a, b, c),         \
         (u64)(uint32_t)(U(b) - U(c) - (U(a) < U(b)))))                                       \
  X(madc, 0,                                                                                  \
    BOTH(ASM32("{.reg .u32 t; mad.lo.cc.u32 t, %1, %2, %3; madc.hi.u32 %0, %1, %2, %3;}", a, b, c), \
         (u64)(uint32_t)(((u64)U(a) * U(b) >> 32) + U(c) + ((u64)(U(a) * U(b)) + U(c) >> 32))))

enum Operation {
#define X(name, mode, value) op_##name,
  OPERATIONS(X)
#undef X
      operations
};

#define X(name, mode, value) \
  __host__ __device__ inline u64 value_##name(u64 a, u64 b, u64 c) { return value; }
OPERATIONS(X)
#undef X
