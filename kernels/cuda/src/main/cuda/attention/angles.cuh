// Angles of rotary position embedding.
#pragma once

// Sine and cosine of angles up to 2^31, without the tables that the general functions need.
__device__ inline void sine_and_cosine(double angle, double *sine, double *cosine) {
  constexpr double INVERSE_PI = 0.31830988618379069;
  constexpr double REST_OF_INVERSE_PI = -1.9678676675182486e-17;
  double turns = angle * INVERSE_PI;
  double rest = fma(angle, REST_OF_INVERSE_PI, fma(angle, INVERSE_PI, -turns));
  sincospi(turns - 2 * rint(turns / 2) + rest, sine, cosine);
}
