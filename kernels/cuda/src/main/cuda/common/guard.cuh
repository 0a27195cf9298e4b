// Indices that the host has not seen are checked where they are used: a bad one is passed over, and
// the first of them is noted for the next synchronisation.
#pragma once

struct Complaint {
  int kernel; // 0: none
  int argument;
  int position;
  int value;
};

__device__ inline void complain(Complaint *complaint, int kernel, int argument, long long position,
                                int value) {
  if (atomicCAS(&complaint->kernel, 0, kernel) == 0) {
    complaint->argument = argument;
    complaint->position = (int)position;
    complaint->value = value;
  }
}
