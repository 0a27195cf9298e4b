package dev.warpwright.softgpu.sim;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.api.Test;

class PrintfTest {
  private static String print(String format, double... values) {
    return new Printf(
            format,
            0,
            (address, bytes) -> Double.doubleToRawLongBits(values[(int) (address / Double.BYTES)]),
            address -> "")
        .text();
  }

  /** What C prints for numbers half way between two results. */
  @Test
  void tiesGoToEven() {
    assertEquals("2e+00 1.2e+00 1.8e+00", print("%.0e %.1e %.1e", 2.5, 1.25, 1.75));
    assertEquals("0.12 0.38 2 4", print("%.2g %.2g %.0f %.0f", 0.125, 0.375, 2.5, 3.5));
    assertEquals("0.000e+00 -9.5e+00 1e+01", print("%.3e %.1e %.0e", 0, -9.5, 9.5));
  }
}
