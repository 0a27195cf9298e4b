// Asynchronous copies from global to shared memory.
#pragma once

// Starts a copy of 16 bytes, or of zeros; from must be a valid address either way.
__device__ inline void copy_async(void *to, const void *from, bool there = true) {
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(
                   (unsigned)__cvta_generic_to_shared(to)),
               "l"(from), "r"(there ? 16 : 0)
               : "memory");
}
// The same for 4 or 8 bytes.
template <int BYTES>
__device__ inline void copy_async_few(void *to, const void *from, bool there) {
  asm volatile("cp.async.ca.shared.global [%0], [%1], %2, %3;" ::"r"(
                   (unsigned)__cvta_generic_to_shared(to)),
               "l"(from), "n"(BYTES), "r"(there ? BYTES : 0)
               : "memory");
}
__device__ inline void commit_copies() { asm volatile("cp.async.commit_group;" ::: "memory"); }
template <int PENDING> __device__ inline void await_copies() {
  asm volatile("cp.async.wait_group %0;" ::"n"(PENDING) : "memory");
}
