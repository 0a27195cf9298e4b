// Every function of semantics.cuh on the host, under the rounding mode of its name.
#include <cfenv>
#include "semantics.cuh"

static const int modes[] = {FE_TONEAREST, FE_TOWARDZERO, FE_DOWNWARD, FE_UPWARD};

extern "C" int operation_count() { return operations; }

extern "C" const char* operation_name(int operation) {
  static const char* names[] = {
#define X(name, mode, value) #name,
      OPERATIONS(X)
#undef X
  };
  return names[operation];
}

extern "C" void evaluate(int operation, const u64* a, const u64* b, const u64* c, u64* result, int n) {
  static u64 (*const functions[])(u64, u64, u64) = {
#define X(name, mode, value) value_##name,
      OPERATIONS(X)
#undef X
  };
  static const int rounding[] = {
#define X(name, mode, value) mode,
      OPERATIONS(X)
#undef X
  };
  std::fesetround(modes[rounding[operation]]);
  for (int i = 0; i < n; i++) result[i] = functions[operation](a[i], b[i], c[i]);
  std::fesetround(FE_TONEAREST);
}
