/* exp(x) for x ≤ 0, off by 2 units in the last place at most. */
#ifndef WARPWRIGHT_EXP_H
#define WARPWRIGHT_EXP_H

#include <immintrin.h>

static inline __m512 ww_exp(__m512 x) {
  /* Below this all is zero; the other order would make numbers of NaN. */
  x = _mm512_max_ps(_mm512_set1_ps(-150), x);
  __m512 n = _mm512_roundscale_ps(
      _mm512_mul_ps(x, _mm512_set1_ps(0x1.715476p+0f)), _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  /* ln 2 in two parts, the first with so few bits that its product with n is exact. */
  __m512 r = _mm512_fnmadd_ps(n, _mm512_set1_ps(0x1.62e4p-1f), x);
  r = _mm512_fnmadd_ps(n, _mm512_set1_ps(0x1.7f7d1cp-20f), r);
  /* Taylor's series: |r| ≤ ln 2 / 2, the first term left out is 2^-26 at most. */
  __m512 p = _mm512_set1_ps(1 / 5040.0f);
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1 / 720.0f));
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1 / 120.0f));
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1 / 24.0f));
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1 / 6.0f));
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(0.5f));
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1));
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1));
  return _mm512_scalef_ps(p, n);
}

#endif
