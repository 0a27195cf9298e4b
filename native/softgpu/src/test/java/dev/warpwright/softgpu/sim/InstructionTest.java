package dev.warpwright.softgpu.sim;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.warpwright.softgpu.sim.OpHarness.Kind;
import dev.warpwright.softgpu.sim.OpHarness.Reference;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.math.MathContext;
import java.math.RoundingMode;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Each instruction on random and edge operands against Java's exact arithmetic, bit for bit. */
class InstructionTest {
  /**
   * A case.
   *
   * @param ptx the instruction
   * @param kind of its operands
   * @param reference what it computes
   */
  record Case(String ptx, Kind kind, Reference reference) {
    @Override
    public String toString() {
      return ptx;
    }

    String result() {
      for (String register : List.of("%rd", "%hd", "%qd", "%pd")) {
        if (ptx.contains(register)) {
          return register;
        }
      }
      throw new IllegalArgumentException(ptx);
    }
  }

  private static final long LOW = 0xffffffffL;
  private static final int NAN = 0x7fffffff;

  private static final List<Case> CASES = new ArrayList<>();

  private static void bits(String ptx, Reference reference) {
    CASES.add(new Case(ptx, Kind.BITS, reference));
  }

  /** The lower 32 bits count. */
  private static void word(String ptx, Reference reference) {
    bits(ptx, (a, b, c) -> reference.of(a, b, c) & LOW);
  }

  private static void half(String ptx, Reference reference) {
    bits(ptx, (a, b, c) -> reference.of(a, b, c) & 0xffff);
  }

  private static float f(long bits) {
    return Float.intBitsToFloat((int) bits);
  }

  private static double d(long bits) {
    return Double.longBitsToDouble(bits);
  }

  private static long out(float x) {
    return (Float.isNaN(x) ? NAN : Float.floatToRawIntBits(x)) & LOW;
  }

  private static long out(double x) {
    return Double.doubleToLongBits(x);
  }

  static List<Case> cases() {
    CASES.clear();
    integers();
    bitFields();
    floats();
    directed();
    conversions();
    halves();
    return List.copyOf(CASES);
  }

  private static BigInteger unsigned(long x) {
    return new BigInteger(Long.toUnsignedString(x));
  }

  private static void integers() {
    word("add.s32 %rd, %ra, %rb;", (a, b, c) -> a + b);
    word("sub.u32 %rd, %ra, %rb;", (a, b, c) -> a - b);
    word(
        "add.sat.s32 %rd, %ra, %rb;",
        (a, b, c) -> Math.clamp((long) (int) a + (int) b, Integer.MIN_VALUE, Integer.MAX_VALUE));
    bits("add.s64 %qd, %qa, %qb;", (a, b, c) -> a + b);
    half("add.s16 %hd, %ha, %hb;", (a, b, c) -> a + b);
    half("sub.u16 %hd, %ha, %hb;", (a, b, c) -> a - b);
    word("mul.lo.s32 %rd, %ra, %rb;", (a, b, c) -> a * b);
    word("mul.hi.s32 %rd, %ra, %rb;", (a, b, c) -> ((long) (int) a * (int) b) >> 32);
    word("mul.hi.u32 %rd, %ra, %rb;", (a, b, c) -> ((a & LOW) * (b & LOW)) >>> 32);
    bits("mul.wide.s32 %qd, %ra, %rb;", (a, b, c) -> (long) (int) a * (int) b);
    bits("mul.wide.u32 %qd, %ra, %rb;", (a, b, c) -> (a & LOW) * (b & LOW));
    word("mul.wide.s16 %rd, %ha, %hb;", (a, b, c) -> (short) a * (short) b);
    word("mul.wide.u16 %rd, %ha, %hb;", (a, b, c) -> (a & 0xffff) * (b & 0xffff));
    bits(
        "mul.hi.u64 %qd, %qa, %qb;",
        (a, b, c) -> unsigned(a).multiply(unsigned(b)).shiftRight(64).longValue());
    bits(
        "mul.hi.s64 %qd, %qa, %qb;",
        (a, b, c) ->
            BigInteger.valueOf(a).multiply(BigInteger.valueOf(b)).shiftRight(64).longValue());
    word("mad.lo.s32 %rd, %ra, %rb, %rc;", (a, b, c) -> a * b + c);
    bits("mad.wide.s32 %qd, %ra, %rb, %qc;", (a, b, c) -> (long) (int) a * (int) b + c);
    half("mad.lo.u16 %hd, %ha, %hb, %hc;", (a, b, c) -> a * b + c);
    word("or.b32 %rb, %rb, 1; div.s32 %rd, %ra, %rb;", (a, b, c) -> (int) a / ((int) b | 1));
    word("or.b32 %rb, %rb, 1; rem.u32 %rd, %ra, %rb;", (a, b, c) -> (a & LOW) % ((b | 1) & LOW));
    bits(
        "or.b64 %qb, %qb, 1; div.u64 %qd, %qa, %qb;",
        (a, b, c) -> unsigned(a).divide(unsigned(b | 1)).longValue());
    word("min.s32 %rd, %ra, %rb;", (a, b, c) -> Math.min((int) a, (int) b));
    word("max.u32 %rd, %ra, %rb;", (a, b, c) -> Math.max(a & LOW, b & LOW));
    half("max.s16 %hd, %ha, %hb;", (a, b, c) -> Math.max((short) a, (short) b));
    bits("min.u64 %qd, %qa, %qb;", (a, b, c) -> unsigned(a).min(unsigned(b)).longValue());
    word("abs.s32 %rd, %ra;", (a, b, c) -> Math.abs((int) a));
    word("neg.s32 %rd, %ra;", (a, b, c) -> -a);
    word("sad.u32 %rd, %ra, %rb, %rc;", (a, b, c) -> Math.abs((a & LOW) - (b & LOW)) + c);
    bits("setp.lt.s32 %pd, %ra, %rb;", (a, b, c) -> (int) a < (int) b ? 1 : 0);
    bits("setp.hi.u32 %pd, %ra, %rb;", (a, b, c) -> (a & LOW) > (b & LOW) ? 1 : 0);
    bits("setp.ge.s16 %pd, %ha, %hb;", (a, b, c) -> (short) a >= (short) b ? 1 : 0);
    bits("setp.ls.u64 %pd, %qa, %qb;", (a, b, c) -> Long.compareUnsigned(a, b) <= 0 ? 1 : 0);
    bits(
        "setp.gt.s32 %pe, %ra, 0; setp.eq.and.b32 %pd, %rb, %rc, !%pe;",
        (a, b, c) -> (int) b == (int) c && (int) a <= 0 ? 1 : 0);
    word(
        "setp.ne.s32 %pe, %ra, 0; selp.b32 %rd, %rb, %rc, %pe;", (a, b, c) -> (int) a != 0 ? b : c);
    word("slct.b32.s32 %rd, %ra, %rb, %rc;", (a, b, c) -> (int) c >= 0 ? a : b);
    word("set.lt.u32.s32 %rd, %ra, %rb;", (a, b, c) -> (int) a < (int) b ? -1 : 0);
    word(
        "dp4a.s32.u32 %rd, %ra, %rb, %rc;",
        (a, b, c) -> {
          long sum = c;
          for (int i = 0; i < 32; i += 8) {
            sum += (byte) (a >> i) * (b >> i & 0xff);
          }
          return sum;
        });
  }

  private static void bitFields() {
    word("and.b32 %rd, %ra, %rb;", (a, b, c) -> a & b);
    half("not.b16 %hd, %ha;", (a, b, c) -> ~a);
    bits("xor.b64 %qd, %qa, %qb;", (a, b, c) -> a ^ b);
    word("lop3.b32 %rd, %ra, %rb, %rc, 0x96;", (a, b, c) -> a ^ b ^ c);
    word("lop3.b32 %rd, %ra, %rb, %rc, 0xE8;", (a, b, c) -> (a & b) | (b & c) | (a & c));
    word("lop3.b32 %rd, %ra, %rb, %rc, 0x2A;", (a, b, c) -> ~(a & b) & c);
    word("shl.b32 %rd, %ra, %rb;", (a, b, c) -> (b & LOW) > 31 ? 0 : a << b);
    word("shr.u32 %rd, %ra, %rb;", (a, b, c) -> (b & LOW) > 31 ? 0 : (a & LOW) >>> b);
    word("shr.s32 %rd, %ra, %rb;", (a, b, c) -> (int) a >> Math.min(b & LOW, 31));
    half("shr.s16 %hd, %ha, %rb;", (a, b, c) -> (short) a >> Math.min(b & LOW, 31));
    bits("shl.b64 %qd, %qa, %rb;", (a, b, c) -> (b & LOW) > 63 ? 0 : a << b);
    bits("shr.s64 %qd, %qa, %rb;", (a, b, c) -> a >> Math.min(b & LOW, 63));
    word("shf.l.wrap.b32 %rd, %ra, %rb, %rc;", (a, b, c) -> funnel(a, b) >>> (32 - (c & 31)));
    word("shf.r.wrap.b32 %rd, %ra, %rb, %rc;", (a, b, c) -> funnel(a, b) >>> (c & 31));
    word(
        "shf.r.clamp.b32 %rd, %ra, %rb, %rc;", (a, b, c) -> funnel(a, b) >>> Math.min(c & LOW, 32));
    word("popc.b32 %rd, %ra;", (a, b, c) -> Integer.bitCount((int) a));
    word("popc.b64 %rd, %qa;", (a, b, c) -> Long.bitCount(a));
    word("clz.b32 %rd, %ra;", (a, b, c) -> Integer.numberOfLeadingZeros((int) a));
    word("clz.b64 %rd, %qa;", (a, b, c) -> Long.numberOfLeadingZeros(a));
    word("brev.b32 %rd, %ra;", (a, b, c) -> Integer.reverse((int) a));
    word("bfind.u32 %rd, %ra;", (a, b, c) -> 31 - Integer.numberOfLeadingZeros((int) a));
    word("bfind.s64 %rd, %qa;", (a, b, c) -> 63 - Long.numberOfLeadingZeros(a < 0 ? ~a : a));
    word(
        "and.b32 %rb, %rb, 31; and.b32 %rc, %rc, 31; bfe.u32 %rd, %ra, %rb, %rc;",
        (a, b, c) -> ((a & LOW) >>> (b & 31)) & ((1L << (c & 31)) - 1));
    word(
        "and.b32 %rb, %rb, 15; bfe.s32 %rd, %ra, %rb, 9;",
        (a, b, c) -> ((int) a << (23 - (b & 15))) >> 23);
    word(
        "and.b32 %rc, %rc, 31; bfi.b32 %rd, %ra, %rb, %rc, 7;",
        (a, b, c) -> {
          long ones = 127L << (c & 31);
          return (b & ~ones) | ((a << (c & 31)) & ones);
        });
    word(
        "prmt.b32 %rd, %ra, %rb, 0x5140;",
        (a, b, c) ->
            (a & 0xff) | ((b & 0xff) << 8) | ((a >> 8 & 0xff) << 16) | ((b >> 8 & 0xff) << 24));
    word(
        "mov.b32 {%hd, %he}, %ra; mov.b32 %rd, {%he, %hd};",
        (a, b, c) -> (a << 16) | (a >>> 16 & 0xffff));
    bits("mov.b64 {%rc, %re}, %qa; mov.b64 %qd, {%re, %rc};", (a, b, c) -> (a << 32) | (a >>> 32));
  }

  private static long funnel(long low, long high) {
    return (high << 32) | (low & LOW);
  }

  private static void f32(String ptx, Reference reference) {
    CASES.add(new Case(ptx, Kind.F32, reference));
  }

  private static void f64(String ptx, Reference reference) {
    CASES.add(new Case(ptx, Kind.F64, reference));
  }

  private static float flush(float x) {
    return Math.abs(x) < Float.MIN_NORMAL ? Math.copySign(0f, x) : x;
  }

  private static void floats() {
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

  /** A number as the nearest float in a direction, by decimal arithmetic; NaN where not finite. */
  private static float directed(BigDecimal exact, RoundingMode mode) {
    float nearest = exact.floatValue();
    float at = Float.isInfinite(nearest) ? Math.copySign(Float.MAX_VALUE, nearest) : nearest;
    int error = exact.compareTo(new BigDecimal(at));
    boolean up = mode == RoundingMode.CEILING || (mode == RoundingMode.DOWN && exact.signum() < 0);
    boolean down = mode == RoundingMode.FLOOR || (mode == RoundingMode.DOWN && exact.signum() > 0);
    if (error > 0 && up) {
      return Math.nextUp(at);
    }
    return error < 0 && down ? Math.nextDown(at) : at;
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

  private static void directed() {
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

  /** A product that vanished keeps its sign. */
  private static long signed(float x, boolean negative) {
    return out(x == 0 ? negative ? -0f : 0f : x);
  }

  private static int clamp(int x, int least, int most) {
    return Math.min(Math.max(x, least), most);
  }

  private static void conversions() {
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

  private static void halves() {
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

  @ParameterizedTest
  @MethodSource("cases")
  void computesExactly(Case test) {
    OpHarness harness = new OpHarness(test.kind(), test.ptx().hashCode());
    long[] got = harness.run(test.ptx(), test.result());
    for (int i = 0; i < got.length; i++) {
      long a = harness.a[i];
      long b = harness.b[i];
      long c = harness.c[i];
      long expected = test.reference().of(a, b, c);
      int at = i;
      boolean nan =
          test.kind() == Kind.F64
              && test.result().equals("%qd")
              && Double.isNaN(d(expected))
              && Double.isNaN(d(got[at]));
      if (!nan) {
        assertEquals(
            Long.toHexString(expected),
            Long.toHexString(got[i]),
            () ->
                test.ptx()
                    + " of "
                    + Long.toHexString(a)
                    + ", "
                    + Long.toHexString(b)
                    + ", "
                    + Long.toHexString(c));
      }
    }
  }
}
