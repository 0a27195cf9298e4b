package dev.warpwright.softgpu.sim;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.warpwright.softgpu.sim.OpHarness.Kind;
import java.util.List;
import java.util.function.DoubleBinaryOperator;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

/** The {@code .approx} instructions keep within the errors that the PTX ISA documents. */
class ApproximationTest {
  /**
   * An instruction.
   *
   * @param ptx from %ra and %rb or %ha to %rd or %hd
   * @param format of the operands and the result
   * @param exact what it approximates
   * @param error how far off it may be, from operand and exact result; infinite where nothing is
   *     promised
   */
  private record Case(
      String ptx, Format format, DoubleBinaryOperator exact, DoubleBinaryOperator error) {
    @Override
    public String toString() {
      return ptx;
    }
  }

  /** A format of floating-point numbers; results below {@code least} may be subnormal. */
  private enum Format {
    F32(0x1p-126, Float.MAX_VALUE),
    F16(0x1p-14, 65504),
    BF16(0x1p-126, 0x1.fep127);

    final double least;
    final double most;

    Format(double least, double most) {
      this.least = least;
      this.most = most;
    }

    double value(long bits) {
      return switch (this) {
        case F32 -> Float.intBitsToFloat((int) bits);
        case F16 -> Float.float16ToFloat((short) bits);
        case BF16 -> Float.intBitsToFloat((int) bits << 16);
      };
    }
  }

  private static final double TWO_PI = 2 * Math.PI;

  private static DoubleBinaryOperator ulps(double count) {
    return (x, exact) -> count * Math.ulp((float) exact);
  }

  private static DoubleBinaryOperator relative(double bound) {
    return (x, exact) -> bound * Math.abs(exact);
  }

  private static DoubleBinaryOperator absolute(double bound) {
    return (x, exact) -> bound;
  }

  /** Of sine and cosine. */
  private static double byRange(double x, double exact) {
    double size = Math.abs(x);
    return size <= TWO_PI
        ? Math.pow(2, -20.5)
        : size <= 50 * TWO_PI ? Math.pow(2, -14.7) : Double.POSITIVE_INFINITY;
  }

  private static double ofLogarithm(double x, double exact) {
    return x > 0.5 && x < 2 ? 0x1p-22 : 0x1p-22 * Math.abs(exact);
  }

  private static double ofQuotient(double y, double exact) {
    double size = Math.abs(y);
    return size < 0x1p-126 || size > 0x1p126
        ? Double.POSITIVE_INFINITY
        : 2 * Math.ulp((float) exact);
  }

  private static double tanh(double x) {
    double power = Math.expm1(-2 * Math.abs(x));
    return Math.copySign(-power / (power + 2), x);
  }

  private static double power(double x) {
    double whole = Math.rint(x);
    return Math.abs(x) > 5000
        ? (x > 0 ? Double.POSITIVE_INFINITY : 0)
        : Math.exp((x - whole) * Math.log(2)) * Math.pow(2, whole);
  }

  static List<Case> cases() {
    return List.of(
        new Case("rcp.approx.f32 %rd, %ra;", Format.F32, (x, y) -> 1 / x, ulps(1)),
        new Case("rcp.approx.ftz.f32 %rd, %ra;", Format.F32, (x, y) -> 1 / x, ulps(1)),
        new Case(
            "sqrt.approx.f32 %rd, %ra;", Format.F32, (x, y) -> Math.sqrt(x), relative(0x1p-23)),
        new Case(
            "rsqrt.approx.f32 %rd, %ra;",
            Format.F32, (x, y) -> 1 / Math.sqrt(x), relative(Math.pow(2, -22.9))),
        new Case(
            "sin.approx.f32 %rd, %ra;",
            Format.F32, (x, y) -> Math.sin(x), ApproximationTest::byRange),
        new Case(
            "cos.approx.ftz.f32 %rd, %ra;",
            Format.F32, (x, y) -> Math.cos(x), ApproximationTest::byRange),
        new Case(
            "lg2.approx.f32 %rd, %ra;",
            Format.F32, (x, y) -> Math.log(x) / Math.log(2), ApproximationTest::ofLogarithm),
        new Case("ex2.approx.f32 %rd, %ra;", Format.F32, (x, y) -> power(x), ulps(2)),
        new Case("ex2.approx.ftz.f32 %rd, %ra;", Format.F32, (x, y) -> power(x), ulps(2)),
        new Case("tanh.approx.f32 %rd, %ra;", Format.F32, (x, y) -> tanh(x), relative(0x1p-11)),
        new Case(
            "div.approx.f32 %rd, %rb, %ra;",
            Format.F32, (x, y) -> y / x, ApproximationTest::ofQuotient),
        new Case("div.full.f32 %rd, %rb, %ra;", Format.F32, (x, y) -> y / x, ulps(2)),
        new Case(
            "ex2.approx.f16 %hd, %ha;",
            Format.F16, (x, y) -> power(x), relative(Math.pow(2, -9.9))),
        new Case(
            "ex2.approx.ftz.bf16 %hd, %ha;", Format.BF16, (x, y) -> power(x), relative(0x1p-7)),
        new Case(
            "tanh.approx.f16 %hd, %ha;",
            Format.F16, (x, y) -> tanh(x), absolute(Math.pow(2, -10.987))),
        new Case("tanh.approx.bf16 %hd, %ha;", Format.BF16, (x, y) -> tanh(x), absolute(0x1p-8)),
        new Case(
            "ex2.approx.f16x2 %rd, %ra; cvt.u16.u32 %hd, %rd;",
            Format.F16, (x, y) -> power(x), relative(Math.pow(2, -9.9))),
        new Case(
            "tanh.approx.bf16x2 %rd, %ra; cvt.u16.u32 %hd, %rd;",
            Format.BF16, (x, y) -> tanh(x), absolute(0x1p-8)));
  }

  @ParameterizedTest
  @MethodSource("cases")
  void keepsWithinItsError(Case test) {
    Format format = test.format;
    boolean half = test.ptx.contains("%hd");
    OpHarness harness = new OpHarness(half ? Kind.BITS : Kind.F32, test.ptx.hashCode());
    long[] got = harness.run(test.ptx, half ? "%hd" : "%rd");
    int compared = 0;
    for (int i = 0; i < got.length; i++) {
      double x = format.value(harness.a[i]);
      double y = format.value(harness.b[i]);
      double exact = test.exact.applyAsDouble(flushed(test, x), flushed(test, y));
      double result = format.value(got[i]);
      double error = test.error.applyAsDouble(x, exact);
      String what = test.ptx + " of " + x + ", " + y + " is " + result + ", not " + exact;
      if (Double.isNaN(exact)) {
        assertTrue(Double.isNaN(result), what);
      } else if (Math.abs(exact) > format.most) {
        assertTrue(Double.isInfinite(error) || Math.abs(result) >= format.most, what);
        assertEquals(Math.signum(exact), Math.signum(result), what);
      } else if (Double.isFinite(error)) {
        // Below the normal numbers there is no relative precision, and .ftz leaves nothing.
        double tiny = Math.abs(exact) < format.least ? format.least : 0;
        assertTrue(Math.abs(result - exact) <= error + tiny, what);
        compared++;
      }
    }
    assertTrue(compared > got.length / 4, compared + " compared");
  }

  private static double flushed(Case test, double x) {
    boolean flushes = test.ptx.contains(".ftz");
    return flushes && Math.abs(x) < test.format.least ? Math.copySign(0.0, x) : x;
  }

  /** The tables of special operands; nan, inf and numbers. */
  @ParameterizedTest
  @CsvSource({
    "rcp.approx, -Infinity, -0.0",
    "rcp.approx, -0.0, -Infinity",
    "rcp.approx, Infinity, 0.0",
    "rcp.approx.ftz, 1e-40, Infinity",
    "rcp.approx.ftz, 2e38, 0.0",
    "sqrt.approx, -Infinity, NaN",
    "sqrt.approx, -1, NaN",
    "sqrt.approx, -0.0, -0.0",
    "sqrt.approx, Infinity, Infinity",
    "sqrt.approx.ftz, -1e-40, -0.0",
    "rsqrt.approx, -Infinity, NaN",
    "rsqrt.approx, -0.0, -Infinity",
    "rsqrt.approx, 0.0, Infinity",
    "rsqrt.approx, Infinity, 0.0",
    "rsqrt.approx.ftz, -1e-40, -Infinity",
    "sin.approx, Infinity, NaN",
    "sin.approx, -0.0, -0.0",
    "sin.approx.ftz, -1e-40, -0.0",
    "cos.approx, -Infinity, NaN",
    "cos.approx, -0.0, 1.0",
    "lg2.approx, -Infinity, NaN",
    "lg2.approx, -1, NaN",
    "lg2.approx, -0.0, -Infinity",
    "lg2.approx, 0.0, -Infinity",
    "lg2.approx.ftz, -1e-40, -Infinity",
    "lg2.approx, Infinity, Infinity",
    "ex2.approx, -Infinity, 0.0",
    "ex2.approx, -0.0, 1.0",
    "ex2.approx, Infinity, Infinity",
    "ex2.approx.ftz, -127, 0.0",
    "tanh.approx, -Infinity, -1.0",
    "tanh.approx, -0.0, -0.0",
    "tanh.approx, Infinity, 1.0",
    "tanh.approx, NaN, NaN",
    "ex2.approx, NaN, NaN",
  })
  void specialOperands(String operation, float x, float result) {
    assertEquals(result, one(operation + ".f32 %rd, %ra;", x, 0));
  }

  @ParameterizedTest
  @CsvSource({
    "3, 0x1p127, 0.0",
    "-3, 0x1p127, -0.0",
    "-3, -0x1.8p126, 0.0",
    "Infinity, 0x1p127, NaN",
    "0x1p127, 0x1p126, 2.0",
    "3, Infinity, 0.0",
  })
  void largeDivisors(float x, float y, float result) {
    assertEquals(result, one("div.approx.f32 %rd, %ra, %rb;", x, y));
  }

  private static float one(String ptx, float x, float y) {
    String put = "mov.b32 %ra, " + literal(x) + "; mov.b32 %rb, " + literal(y) + "; ";
    long[] got = new OpHarness(Kind.F32, 0).run(put + ptx, "%rd");
    return Float.intBitsToFloat((int) got[0]);
  }

  private static String literal(float x) {
    return String.format("0f%08X", Float.floatToRawIntBits(x));
  }

  /** Only the upper halves of f64 are read and written, and subnormal numbers are zero. */
  @ParameterizedTest
  @CsvSource({"rcp, 1", "rsqrt, 2"})
  void doublesHaveTwentyBits(String operation, int root) {
    OpHarness harness = new OpHarness(Kind.F64, 5);
    long[] got = harness.run(operation + ".approx.ftz.f64 %qd, %qa;", "%qd");
    for (int i = 0; i < got.length; i++) {
      double x = Double.longBitsToDouble(harness.a[i]);
      double flushed = Math.abs(x) < Double.MIN_NORMAL ? Math.copySign(0.0, x) : x;
      double exact = root == 1 ? 1 / flushed : 1 / Math.sqrt(flushed);
      double result = Double.longBitsToDouble(got[i]);
      assertTrue(Double.isNaN(result) || (int) got[i] == 0);
      if (Double.isNaN(exact) || Double.isInfinite(exact)) {
        assertEquals(exact, result);
      } else {
        double least = Math.abs(exact) < Double.MIN_NORMAL ? Double.MIN_NORMAL : 0;
        assertTrue(Math.abs(result - exact) <= 0x1p-19 * Math.abs(exact) + least, x + " " + result);
      }
    }
  }
}
