package dev.warpwright.softgpu.sim;

import java.math.BigDecimal;
import java.math.MathContext;
import java.math.RoundingMode;

/** f32 and f64. */
final class FloatCases extends InstructionCases {
  FloatCases() {
    floats();
    directed();
  }

  private static float flush(float x) {
    return Math.abs(x) < Float.MIN_NORMAL ? Math.copySign(0f, x) : x;
  }

  private void floats() {
    f32("add.f32 %rd, %ra, %rb;", (a, b, c) -> out(f(a) + f(b)));
    f32("sub.rn.f32 %rd, %ra, %rb;", (a, b, c) -> out(f(a) - f(b)));
    f32("mul.f32 %rd, %ra, %rb;", (a, b, c) -> out(f(a) * f(b)));
    f32("mul.ftz.f32 %rd, %ra, %rb;", (a, b, c) -> out(flush(flush(f(a)) * flush(f(b)))));
    f32(
        "add.sat.f32 %rd, %ra, %rb;",
        (a, b, c) -> {
          float sum = f(a) + f(b);
          return out(sum >= 1 ? 1f : sum > 0 ? sum : 0f);
        });
    f32("fma.rn.f32 %rd, %ra, %rb, %rc;", (a, b, c) -> out(Math.fma(f(a), f(b), f(c))));
    f32("div.rn.f32 %rd, %ra, %rb;", (a, b, c) -> out(f(a) / f(b)));
    f32("rcp.rn.f32 %rd, %ra;", (a, b, c) -> out(1 / f(a)));
    f32("sqrt.rn.f32 %rd, %ra;", (a, b, c) -> out((float) Math.sqrt(f(a))));
    f32("neg.f32 %rd, %ra;", (a, b, c) -> (a ^ 0x80000000L) & LOW);
    f32("abs.f32 %rd, %ra;", (a, b, c) -> a & 0x7fffffff);
    f32("min.f32 %rd, %ra, %rb;", (a, b, c) -> out(minimum(f(a), f(b))));
    f32("max.NaN.f32 %rd, %ra, %rb;", (a, b, c) -> out(Math.max(f(a), f(b))));
    f32("copysign.f32 %rd, %ra, %rb;", (a, b, c) -> (a & 0x80000000L) | (b & 0x7fffffff));
    f32("setp.lt.f32 %pd, %ra, %rb;", (a, b, c) -> f(a) < f(b) ? 1 : 0);
    f32("setp.ne.f32 %pd, %ra, %rb;", (a, b, c) -> f(a) < f(b) || f(a) > f(b) ? 1 : 0);
    f32("setp.geu.f32 %pd, %ra, %rb;", (a, b, c) -> !(f(a) < f(b)) ? 1 : 0);
    f32("setp.nan.f32 %pd, %ra, %rb;", (a, b, c) -> Float.isNaN(f(a)) || Float.isNaN(f(b)) ? 1 : 0);
    f32("testp.subnormal.f32 %pd, %ra;", (a, b, c) -> f(a) != 0 && flush(f(a)) == 0 ? 1 : 0);
    f64("add.f64 %qd, %qa, %qb;", (a, b, c) -> out(d(a) + d(b)));
    f64("mul.rn.f64 %qd, %qa, %qb;", (a, b, c) -> out(d(a) * d(b)));
    f64("fma.rn.f64 %qd, %qa, %qb, %qc;", (a, b, c) -> out(Math.fma(d(a), d(b), d(c))));
    f64("div.rn.f64 %qd, %qa, %qb;", (a, b, c) -> out(d(a) / d(b)));
    f64("sqrt.rn.f64 %qd, %qa;", (a, b, c) -> out(StrictMath.sqrt(d(a))));
    f64("setp.leu.f64 %pd, %qa, %qb;", (a, b, c) -> !(d(a) > d(b)) ? 1 : 0);
  }

  private static float minimum(float a, float b) {
    return Float.isNaN(a) ? b : Float.isNaN(b) ? a : Math.min(a, b);
  }

  private static boolean finite(float... values) {
    for (float value : values) {
      if (!Float.isFinite(value)) {
        return false;
      }
    }
    return true;
  }

  private static BigDecimal big(long bits) {
    return new BigDecimal(f(bits));
  }

  private void directed() {
    String[] names = {"rz", "rm", "rp"};
    RoundingMode[] modes = {RoundingMode.DOWN, RoundingMode.FLOOR, RoundingMode.CEILING};
    for (int i = 0; i < names.length; i++) {
      RoundingMode mode = modes[i];
      f32(
          "add." + names[i] + ".f32 %rd, %ra, %rb;",
          (a, b, c) ->
              !finite(f(a), f(b)) || big(a).add(big(b)).signum() == 0
                  ? zeroSum(f(a), f(b), mode)
                  : out(directed(big(a).add(big(b)), mode)));
      f32(
          "mul." + names[i] + ".f32 %rd, %ra, %rb;",
          (a, b, c) ->
              !finite(f(a), f(b)) || f(a) == 0 || f(b) == 0
                  ? out(f(a) * f(b))
                  : signed(directed(big(a).multiply(big(b)), mode), f(a) < 0 != f(b) < 0));
      f32(
          "fma." + names[i] + ".f32 %rd, %ra, %rb, 0f3F800000;",
          (a, b, c) -> {
            if (!finite(f(a), f(b))) {
              return out(Math.fma(f(a), f(b), 1f));
            }
            BigDecimal exact = big(a).multiply(big(b)).add(BigDecimal.ONE);
            return exact.signum() == 0
                ? out(mode == RoundingMode.FLOOR ? -0f : 0f)
                : out(directed(exact, mode));
          });
      f32(
          "div." + names[i] + ".f32 %rd, %ra, %rb;",
          (a, b, c) ->
              !finite(f(a), f(b)) || f(a) == 0 || f(b) == 0
                  ? out(f(a) / f(b))
                  : signed(
                      directed(big(a).divide(big(b), new MathContext(400)), mode),
                      f(a) < 0 != f(b) < 0));
      f32(
          "sqrt." + names[i] + ".f32 %rd, %ra;",
          (a, b, c) ->
              !finite(f(a)) || f(a) <= 0
                  ? out((float) Math.sqrt(f(a)))
                  : out(directed(big(a).sqrt(new MathContext(100)), mode)));
    }
  }

  private static long zeroSum(float a, float b, RoundingMode mode) {
    float sum = a + b;
    boolean cancels = sum == 0 && !(a == 0 && b == 0 && 1 / a == 1 / b);
    return out(cancels && mode == RoundingMode.FLOOR ? -0f : sum);
  }
}
