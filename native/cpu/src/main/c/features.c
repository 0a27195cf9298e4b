#include "warpwright_cpu.h"

int32_t ww_abi(void) { return WW_ABI; }

int32_t ww_level(void) {
  __builtin_cpu_init();
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                 __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
                 __builtin_cpu_supports("avx512vnni")
             ? 2
             : 0;
}
