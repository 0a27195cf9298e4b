// Keys and values in head pages, and what every kernel over them needs.
#pragma once

#include "attention/elements.cuh"
#include "common/copies.cuh"

constexpr unsigned WARP = 0xffffffffu;
constexpr float LOG2E = 1.4426950408889634f;

// Whether a kernel for T may find codes in place of T.
template <typename T> constexpr bool MAY_BE_CODES = false;
template <> inline constexpr bool MAY_BE_CODES<__nv_bfloat16> = true;

// How many pages there are, and how slots are cut into them: n / slots = n * factor >> shift for
// n < 2^31.
struct Paging {
  int headPages;
  int slots;
  unsigned factor;
  int shift;

  __device__ int page(int slot) const {
    return (int)((unsigned long long)(unsigned)slot * factor >> shift);
  }

  // Index of a row's slot in the pool, or -1 when the table names a page that is not there.
  __device__ long long at(int headPage, int slot) const {
    return (unsigned)headPage < (unsigned)headPages
               ? (long long)headPage * slots + (slot - page(slot) * slots)
               : -1;
  }
};

// A pool of head pages, [headPages, pageSize, headDim] for keys and for values. Kernels for BF16 take
// codes too, which BF16 holds exactly.
template <typename T> struct Pool {
  T *keys;
  T *values;
  int *positions;
  int headDim;
  Paging paging;
  const Floats<2> *scales; // of the key and the value of each slot; null where they are no codes
  int f8;                  // whether codes are F8, not I8

  __device__ bool coded() const {
    if constexpr (MAY_BE_CODES<T>) {
      return scales != nullptr;
    }
    return false;
  }

  // Starts the copy of 16 codes of a slot, or of zeros. At the end of a vector there may be only 8 of
  // them; vectors that are no multiple of 16 long begin at any multiple of 8.
  __device__ void copy_codes(void *to, const T *from, long long at, int dim, bool there) const {
    there = there && dim < headDim;
    const unsigned char *codes =
        reinterpret_cast<const unsigned char *>(from) + (there ? at * headDim + dim : 0);
    if (headDim % 16 == 0) {
      copy_async(to, codes, there);
      return;
    }
    bool second = there && dim + 8 < headDim;
    copy_async_few<8>(to, codes, there);
    copy_async_few<8>(static_cast<char *>(to) + 8, codes + (second ? 8 : 0), second);
  }

  // The same for codes that are needed at once.
  __device__ uint4 load_codes(const T *from, long long at, int dim) const {
    if (dim >= headDim) {
      return uint4{};
    }
    const unsigned char *codes =
        reinterpret_cast<const unsigned char *>(from) + at * headDim + dim;
    if (headDim % 16 == 0) {
      return *reinterpret_cast<const uint4 *>(codes);
    }
    uint2 low = *reinterpret_cast<const uint2 *>(codes);
    uint2 high = dim + 8 < headDim ? *reinterpret_cast<const uint2 *>(codes + 8) : uint2{};
    return uint4{low.x, low.y, high.x, high.y};
  }
};

// The slots of one row: pages[slot / pageSize] for slots below length.
struct Row {
  const int *pages;
  int length;

  // Index of a slot in the pool, or -1.
  __device__ long long at(const Paging &paging, int slot) const {
    return paging.at(pages[paging.page(slot)], slot);
  }
};

// Page tables of one layer: row = request * kvHeads + head.
struct PageTable {
  const int *lengths;
  const int *starts;
  const int *pages;

  __device__ Row row(int row) const { return Row{pages + starts[row], lengths[row]}; }
};

// Which logical positions a query sees, and what becomes of a logit before the softmax.
struct Masking {
  int causal;
  int window;
  float softCap;

  __device__ int first(int position) const { return window < 0 ? INT_MIN : position - window; }
  __device__ int last(int position) const { return causal ? position : INT_MAX; }
  __device__ float capped(float logit) const {
    return softCap == 0 ? logit : softCap * tanhf(logit / softCap);
  }
};

// What enters beside the products of queries and keys; null where there is none.
struct Bias {
  const float *slopes; // of ALiBi: slope * (key position - query position) is added to a logit
  const float *sinks;  // logits without a key, of the denominator only
  const float *slots;  // numbers beside the slots of the pool, added to the logits of their keys

  __device__ float sink(int head) const { return sinks == nullptr ? -INFINITY : sinks[head]; }
};

// Logits that a decode step keeps for its scores, [slot, head of the group], row after row.
struct Kept {
  float *logits;           // null: none are kept
  const long long *starts; // first slot of each row

  __device__ float *row(int row, int group) const {
    return logits == nullptr ? nullptr : logits + starts[row] * group;
  }
};

// A chunk of the slots of a row of the layer.
struct Chunk {
  int row;
  int index;
};

// Four floats, by one instruction where their place allows it.
__device__ inline Floats<4> load4(const float *from) {
  if (reinterpret_cast<size_t>(from) % 16 == 0) {
    return *reinterpret_cast<const Floats<4> *>(from);
  }
  return Floats<4>{from[0], from[1], from[2], from[3]};
}
__device__ inline void store4(float *to, const Floats<4> &value) {
  if (reinterpret_cast<size_t>(to) % 16 == 0) {
    *reinterpret_cast<Floats<4> *>(to) = value;
    return;
  }
#pragma unroll
  for (int i = 0; i < 4; i++) {
    to[i] = value.value[i];
  }
}

// Cosines and signed sines of a batch's tokens, [token, 2, dim], by element of a head: element d
// becomes x[d] * cos[d] + x[partner(d)] * sin[d].
struct Rope {
  const float *table;
  int dim;
  int interleaved;

  __device__ int partner(int d) const {
    return interleaved ? d ^ 1 : d < dim / 2 ? d + dim / 2 : d - dim / 2;
  }
  __device__ const float *cosines(int token) const { return table + 2LL * token * dim; }
  __device__ float rotated(const float *head, int d, int token) const {
    if (d >= dim) {
      return head[d];
    }
    const float *cosine = cosines(token);
    return head[d] * cosine[d] + head[partner(d)] * cosine[dim + d];
  }

  // Elements d to d + 3; d is a multiple of 4.
  __device__ Floats<4> rotated4(const float *head, int d, int token) const {
    Floats<4> result;
    if (dim % 8 != 0) {
#pragma unroll
      for (int i = 0; i < 4; i++) {
        result.value[i] = rotated(head, d + i, token);
      }
      return result;
    }
    result = load4(head + d);
    if (d >= dim) {
      return result;
    }
    Floats<4> other = interleaved ? Floats<4>{result.value[1], result.value[0], result.value[3],
                                              result.value[2]}
                                  : load4(head + partner(d));
    Floats<4> cosine = load4(cosines(token) + d);
    Floats<4> sine = load4(cosines(token) + dim + d);
#pragma unroll
    for (int i = 0; i < 4; i++) {
      result.value[i] = result.value[i] * cosine.value[i] + other.value[i] * sine.value[i];
    }
    return result;
  }
};

// Query heads [token, kvHead * group] and what becomes of them.
struct Query {
  const float *q;
  const int *positions;
  float scale;
  int kvHeads;
  int group;
};

// Where results go: out and lse for rows whose slots are one chunk, states for all others.
struct Results {
  float *out;
  float *lse; // may be null
  float *stateOut;
  float *stateLse;
};

// e^(x - base), 0 for x = -infinity even when the base is.
__device__ inline float weight(float x, float base) {
  return exp2f((x - (base == -INFINITY ? 0 : base)) * LOG2E);
}

// A sum times a weight, which leaves nothing of it where it is 0: not even of an infinity.
__device__ inline float shrunk(float sum, float by) { return by == 0 ? 0 : sum * by; }
