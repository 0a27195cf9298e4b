/* What becomes of products of queries and keys: scale of the key, cap, biases and mask. */
#ifndef WARPWRIGHT_LOGITS_H
#define WARPWRIGHT_LOGITS_H

#include <math.h>

#include "exp_avx512.h"
#include "kv_elements_avx512.h"

/* What stands beside the slots of some blocks; each part is there if a plan has it. */
struct beside {
  __mmask16 seen[BLOCKS];
  __m512 key_scales[BLOCKS];
  __m512 value_scales[BLOCKS];
  __m512 biases[BLOCKS];
  __m512 distances[BLOCKS];
};

/* Reads scales of 16 slots: those of a key and of its value lie side by side. */
WW_INLINE void read_scales(const float *scales, int block, struct beside *beside) {
  const __m512i even =
      _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
  __m512 first = _mm512_loadu_ps(scales);
  __m512 second = _mm512_loadu_ps(scales + BLOCK);
  beside->key_scales[block] = _mm512_permutex2var_ps(first, even, second);
  beside->value_scales[block] = _mm512_permutex2var_ps(
      first, _mm512_add_epi32(even, _mm512_set1_epi32(1)), second);
}

/* cap tanh(x / cap), with tanh|x| = (1 - e^(-2|x|)) / (1 + e^(-2|x|)) */
WW_INLINE __m512 soft_cap(__m512 x, float cap) {
  const __m512 one = _mm512_set1_ps(1);
  __m512 e = ww_exp(_mm512_mul_ps(_mm512_abs_ps(x), _mm512_set1_ps(-2 / cap)));
  __m512 tanh = _mm512_div_ps(_mm512_sub_ps(one, e), _mm512_add_ps(one, e));
  __m512 sign = _mm512_and_ps(x, _mm512_set1_ps(-0.0f));
  return _mm512_or_ps(_mm512_mul_ps(tanh, _mm512_set1_ps(cap)), sign);
}

/* Makes logits of the products of one column; those of hidden slots are −∞. */
static void finish(
    __m512 *logits,
    int blocks,
    const struct beside *beside,
    int scaled,
    float cap,
    int biased,
    float slope) {
  for (int b = 0; b < blocks; b++) {
    __m512 x = logits[b];
    if (scaled) {
      x = _mm512_mul_ps(x, beside->key_scales[b]);
    }
    if (cap != 0) {
      x = soft_cap(x, cap);
    }
    if (slope != 0) {
      x = _mm512_fmadd_ps(_mm512_set1_ps(slope), beside->distances[b], x);
    }
    if (biased) {
      x = _mm512_add_ps(x, beside->biases[b]);
    }
    logits[b] = _mm512_mask_blend_ps(beside->seen[b], _mm512_set1_ps(-INFINITY), x);
  }
}

#endif
