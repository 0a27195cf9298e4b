package dev.warpwright.softgpu.sim;

import java.math.BigDecimal;
import java.math.RoundingMode;

/** Conversions and half formats. */
final class ConversionCases extends InstructionCases {
  ConversionCases() {
    conversions();
    halves();
  }

  private static int clamp(int x, int least, int most) {
    return Math.min(Math.max(x, least), most);
  }

  private void conversions() {
    word("cvt.s32.s16 %rd, %ha;", (a, b, c) -> (short) a);
    word("cvt.u32.u8 %rd, %ra;", (a, b, c) -> a & 0xff);
    word("cvt.s32.s8 %rd, %ra;", (a, b, c) -> (byte) a);
    bits("cvt.s64.s32 %qd, %ra;", (a, b, c) -> (int) a);
    half("cvt.sat.u8.s32 %hd, %ra;", (a, b, c) -> clamp((int) a, 0, 255));
    word("cvt.sat.s16.s32 %re, %ra; mov.b32 %rd, %re;", (a, b, c) -> clamp((int) a, -32768, 32767));
    word("cvt.rn.f32.s32 %rd, %ra;", (a, b, c) -> out((float) (int) a));
    word("cvt.rn.f32.u64 %rd, %qa;", (a, b, c) -> out(unsigned(a).floatValue()));
    word(
        "cvt.rz.f32.s64 %rd, %qa;",
        (a, b, c) -> out(a == 0 ? 0f : directed(BigDecimal.valueOf(a), RoundingMode.DOWN)));
    bits("cvt.rn.f64.u64 %qd, %qa;", (a, b, c) -> out(unsigned(a).doubleValue()));
    f32("cvt.rzi.s32.f32 %rd, %ra;", (a, b, c) -> (int) f(a) & LOW);
    f32(
        "cvt.rni.s32.f32 %rd, %ra;",
        (a, b, c) -> Float.isNaN(f(a)) ? 0 : (int) Math.rint(f(a)) & LOW);
    f32(
        "cvt.rzi.u32.f32 %rd, %ra;",
        (a, b, c) -> Float.isNaN(f(a)) ? 0 : Math.clamp((long) f(a), 0, LOW));
    f32("cvt.rmi.f32.f32 %rd, %ra;", (a, b, c) -> out((float) Math.floor(f(a))));
    f32("cvt.f64.f32 %qd, %ra;", (a, b, c) -> out((double) f(a)));
    f64("cvt.rn.f32.f64 %rd, %qa;", (a, b, c) -> out((float) d(a)));
    f64(
        "cvt.rp.f32.f64 %rd, %qa;",
        (a, b, c) ->
            !Double.isFinite(d(a)) || d(a) == 0
                ? out((float) d(a))
                : signed(directed(new BigDecimal(d(a)), RoundingMode.CEILING), d(a) < 0));
    f32(
        "cvt.rn.f16.f32 %hd, %ra;",
        (a, b, c) -> Float.isNaN(f(a)) ? 0x7fff : Float.floatToFloat16(f(a)) & 0xffff);
    bits("cvt.f32.f16 %rd, %ha;", (a, b, c) -> out(Float.float16ToFloat((short) a)));
    f32(
        "cvt.rn.bf16.f32 %hd, %ra;",
        (a, b, c) -> Float.isNaN(f(a)) ? 0x7fff : (a + 0x7fff + (a >> 16 & 1)) >>> 16 & 0xffff);
    f32(
        "cvt.rn.satfinite.e4m3x2.f32 %hd, %ra, %rb;",
        (a, b, c) -> nearestE4m3(f(a)) << 8 | nearestE4m3(f(b)));
  }

  /** By trying all codes. */
  private static long nearestE4m3(float x) {
    if (Float.isNaN(x)) {
      return 0x7f;
    }
    long best = 0;
    for (int code = 0; code < 0x7f; code++) {
      double error = Math.abs(e4m3(code) - Math.abs((double) x));
      double least = Math.abs(e4m3((int) best) - Math.abs((double) x));
      if (error < least || (error == least && (code & 1) == 0)) {
        best = code;
      }
    }
    if (Math.abs(x) > 448) {
      best = 0x7e;
    }
    return best | (Float.floatToRawIntBits(x) < 0 ? 0x80 : 0);
  }

  private static double e4m3(int code) {
    int exponent = code >> 3;
    return exponent == 0 ? (code & 7) * 0x1p-9 : (8 + (code & 7)) * Math.pow(2, exponent - 10);
  }

  private static float h(long bits) {
    return Float.float16ToFloat((short) bits);
  }

  private static long half(double exact) {
    return Double.isNaN(exact) ? 0x7fff : Float.floatToFloat16((float) exact) & 0xffff;
  }

  private void halves() {
    // f16 sums and products round once in float and once more: 24 bits are enough for that.
    bits("add.f16 %hd, %ha, %hb;", (a, b, c) -> half(h(a) + h(b)));
    bits("mul.f16 %hd, %ha, %hb;", (a, b, c) -> half(h(a) * h(b)));
    bits(
        "sub.f16x2 %rd, %ra, %rb;",
        (a, b, c) -> half(h(a) - h(b)) | half(h(a >> 16) - h(b >> 16)) << 16);
    bits("fma.rn.f16 %hd, %ha, %hb, %hc;", (a, b, c) -> fusedHalf(h(a), h(b), h(c)));
    bits("setp.gt.f16 %pd, %ha, %hb;", (a, b, c) -> h(a) > h(b) ? 1 : 0);
    bits("neg.f16x2 %rd, %ra;", (a, b, c) -> (a ^ 0x80008000L) & LOW);
  }

  /** Through decimal arithmetic: 40 significant digits hold every such sum's distance to a tie. */
  private static long fusedHalf(float a, float b, float c) {
    double plain = (double) a * b + c;
    if (!Double.isFinite(plain) || plain == 0) {
      return half(plain);
    }
    BigDecimal exact = new BigDecimal(a).multiply(new BigDecimal(b)).add(new BigDecimal(c));
    // Towards zero in double with a sticky last bit.
    double down = exact.doubleValue();
    if (new BigDecimal(down).abs().compareTo(exact.abs()) > 0) {
      down = down > 0 ? Math.nextDown(down) : Math.nextUp(down);
    }
    boolean rest = new BigDecimal(down).compareTo(exact) != 0;
    double sticky = rest ? Double.longBitsToDouble(Double.doubleToRawLongBits(down) | 1) : down;
    return Formats.round(sticky, Formats.F16, Formats.Rounding.RN, false) & 0xffff;
  }
}
