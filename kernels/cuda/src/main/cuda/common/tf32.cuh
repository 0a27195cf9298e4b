// Products of floats on the tensor cores: TF32 has 11 significant bits, so a float is split into a
// high and a low part, which leaves an error of 2^-22.
#pragma once

struct Split {
  unsigned high;
  unsigned low;
};

__device__ inline unsigned tf32(float x) {
  unsigned result;
  asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(result) : "f"(x));
  return result;
}
__device__ inline Split split(float x) {
  unsigned high = tf32(x);
  return Split{high, tf32(x - __uint_as_float(high))};
}

// d += a * b for a 16 x 8 block of a and an 8 x 8 block of b.
__device__ inline void multiply(float (&d)[4], unsigned a0, unsigned a1, unsigned a2, unsigned a3,
                                unsigned b0, unsigned b1) {
  asm("mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, "
      "{%8, %9}, {%0, %1, %2, %3};"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
      : "r"(a0), "r"(a1), "r"(a2), "r"(a3), "r"(b0), "r"(b1));
}

// The same with the split factors a[row half][k half] and the elements b0 and b1 of the other;
// EXACT says that these have no more than 11 significant bits.
template <bool EXACT>
__device__ void multiply(float (&d)[4], const Split (&a)[2][2], float b0, float b1) {
  Split first{__float_as_uint(b0), 0};
  Split second{__float_as_uint(b1), 0};
  if constexpr (!EXACT) {
    first = split(b0);
    second = split(b1);
    multiply(d, a[0][0].high, a[1][0].high, a[0][1].high, a[1][1].high, first.low, second.low);
  }
  multiply(d, a[0][0].low, a[1][0].low, a[0][1].low, a[1][1].low, first.high, second.high);
  multiply(d, a[0][0].high, a[1][0].high, a[0][1].high, a[1][1].high, first.high, second.high);
}
