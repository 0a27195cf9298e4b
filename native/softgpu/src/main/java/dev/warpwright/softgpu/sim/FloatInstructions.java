package dev.warpwright.softgpu.sim;

import dev.warpwright.softgpu.sim.Formats.Rounding;
import java.util.Map;
import java.util.function.Consumer;
import java.util.function.DoubleBinaryOperator;
import java.util.function.IntBinaryOperator;
import java.util.function.IntUnaryOperator;
import org.jspecify.annotations.Nullable;

/**
 * Arithmetic on f32 and f64; the half formats are in {@link HalfArithmetic}, functions of one
 * operand in {@link FloatFunctions}.
 */
final class FloatInstructions {
  static final int NAN = 0x7fffffff;

  private FloatInstructions() {}

  /** Two floats to one. */
  @FunctionalInterface
  interface Float2 {
    float apply(float a, float b);
  }

  static void register(Map<String, Consumer<Form>> to) {
    to.put("fma", form -> fused(form, form.type()));
    to.put("copysign", FloatInstructions::copySign);
    to.put("testp", FloatInstructions::testProperty);
  }

  /** Sign-preserving zero for a subnormal number. */
  static float flush(float x) {
    return Math.abs(x) < Float.MIN_NORMAL ? Math.copySign(0f, x) : x;
  }

  static int bits(float x) {
    return Float.isNaN(x) ? NAN : Float.floatToRawIntBits(x);
  }

  private static float saturate(float x) {
    return Float.isNaN(x) ? 0 : Math.min(Math.max(x, 0f), 1f);
  }

  static Rounding rounding(Form form) {
    return rounding(form.takeAny("rn", "rz", "rm", "rp"));
  }

  private static Rounding rounding(@Nullable String name) {
    return switch (name) {
      case null -> Rounding.RN;
      case "rz" -> Rounding.RZ;
      case "rm" -> Rounding.RM;
      case "rp" -> Rounding.RP;
      default -> Rounding.RN;
    };
  }

  static void binary(Form form, PtxType type) {
    form.instr.group = Instr.Group.FLOAT;
    form.needOperands(3, 3);
    if (type != PtxType.F32 && type != PtxType.F64) {
      HalfArithmetic.binary(form, type);
      return;
    }
    boolean minimum = form.base.equals("min") || form.base.equals("max");
    boolean divides = form.base.equals("div") && type == PtxType.F32;
    boolean approximate = divides && form.take("approx");
    boolean inexact = approximate || (divides && form.take("full"));
    Rounding rounding = minimum || inexact ? Rounding.RN : rounding(form);
    boolean propagate = minimum && form.take("NaN");
    boolean flush = type == PtxType.F32 && form.take("ftz");
    boolean saturate = type == PtxType.F32 && !minimum && form.take("sat");
    int d = form.target(0, type);
    int a = form.source(1, type);
    int b = form.source(2, type);
    if (type == PtxType.F64) {
      DoubleBinaryOperator op = doubles(form, form.base, rounding);
      form.instr.action =
          Lanes.long2(
              d,
              a,
              b,
              (x, y) ->
                  Double.doubleToRawLongBits(
                      op.applyAsDouble(Double.longBitsToDouble(x), Double.longBitsToDouble(y))));
      return;
    }
    IntBinaryOperator plain =
        rounding == Rounding.RN && !flush && !saturate ? plain(form.base) : null;
    if (plain != null) {
      form.instr.action = Lanes.int2(d, a, b, plain);
      return;
    }
    form.instr.action =
        Lanes.int2(
            d,
            a,
            b,
            wrap(
                approximate ? FloatInstructions::divide : floats(form, rounding, propagate),
                flush,
                saturate));
  }

  /** div.approx multiplies with the reciprocal, which is 0 for the largest divisors. */
  private static float divide(float x, float y) {
    boolean vanishes = Math.abs(y) > 0x1p126f && Float.isFinite(y);
    return vanishes ? x * Math.copySign(0f, y) : x / y;
  }

  /** The operations that most kernels consist of, in one piece. */
  private static @Nullable IntBinaryOperator plain(String name) {
    return switch (name) {
      case "add" -> (x, y) -> bits(Float.intBitsToFloat(x) + Float.intBitsToFloat(y));
      case "sub" -> (x, y) -> bits(Float.intBitsToFloat(x) - Float.intBitsToFloat(y));
      case "mul" -> (x, y) -> bits(Float.intBitsToFloat(x) * Float.intBitsToFloat(y));
      default -> null;
    };
  }

  private static IntBinaryOperator wrap(Float2 op, boolean flush, boolean saturate) {
    if (!flush && !saturate) {
      return (x, y) -> bits(op.apply(Float.intBitsToFloat(x), Float.intBitsToFloat(y)));
    }
    return (x, y) -> {
      float a = Float.intBitsToFloat(x);
      float b = Float.intBitsToFloat(y);
      float result = flush ? flush(op.apply(flush(a), flush(b))) : op.apply(a, b);
      return bits(saturate ? saturate(result) : result);
    };
  }

  private static Float2 floats(Form form, Rounding r, boolean propagate) {
    boolean nearest = r == Rounding.RN;
    return switch (form.base) {
      case "add" -> nearest ? Float::sum : (x, y) -> Exact.add(x, y, r);
      case "sub" -> nearest ? (x, y) -> x - y : (x, y) -> Exact.add(x, -y, r);
      case "mul" -> nearest ? (x, y) -> x * y : (x, y) -> Exact.multiply(x, y, r);
      case "div" -> nearest ? (x, y) -> x / y : (x, y) -> Exact.divide(x, y, r);
      case "min" -> propagate ? Math::min : FloatInstructions::minimum;
      case "max" -> propagate ? Math::max : FloatInstructions::maximum;
      default -> throw form.refuse("type .f32 is not for " + form.base);
    };
  }

  /** The other operand if one is NaN; -0 is below +0. */
  static float minimum(float x, float y) {
    return Float.isNaN(x) ? y : Float.isNaN(y) ? x : Math.min(x, y);
  }

  static float maximum(float x, float y) {
    return Float.isNaN(x) ? y : Float.isNaN(y) ? x : Math.max(x, y);
  }

  private static DoubleBinaryOperator doubles(Form form, String name, Rounding r) {
    return switch (name) {
      case "add" -> (x, y) -> Exact.add(x, y, r);
      case "sub" -> (x, y) -> r == Rounding.RN ? x - y : Exact.add(x, -y, r);
      case "mul" -> (x, y) -> Exact.multiply(x, y, r);
      case "div" -> (x, y) -> Exact.divide(x, y, r);
      case "min" -> (x, y) -> Double.isNaN(x) ? y : Double.isNaN(y) ? x : Math.min(x, y);
      case "max" -> (x, y) -> Double.isNaN(x) ? y : Double.isNaN(y) ? x : Math.max(x, y);
      default -> throw form.refuse("type .f64 is not for " + name);
    };
  }

  static void fused(Form form, PtxType type) {
    form.instr.group = Instr.Group.FLOAT;
    form.needOperands(4, 4);
    if (type != PtxType.F32 && type != PtxType.F64) {
      HalfArithmetic.fused(form, type);
      return;
    }
    Rounding r = rounding(form.takeOne("rn", "rz", "rm", "rp"));
    boolean flush = type == PtxType.F32 && form.take("ftz");
    boolean saturate = type == PtxType.F32 && form.take("sat");
    int d = form.target(0, type);
    int a = form.source(1, type);
    int b = form.source(2, type);
    int c = form.source(3, type);
    if (type == PtxType.F64) {
      form.instr.action =
          Lanes.long3(
              d,
              a,
              b,
              c,
              (x, y, z) ->
                  Double.doubleToRawLongBits(
                      Exact.fused(
                          Double.longBitsToDouble(x),
                          Double.longBitsToDouble(y),
                          Double.longBitsToDouble(z),
                          r)));
      return;
    }
    boolean plain = r == Rounding.RN && !flush && !saturate;
    form.instr.action =
        plain
            ? Lanes.int3(
                d,
                a,
                b,
                c,
                (x, y, z) ->
                    bits(
                        Math.fma(
                            Float.intBitsToFloat(x),
                            Float.intBitsToFloat(y),
                            Float.intBitsToFloat(z))))
            : Lanes.int3(d, a, b, c, (x, y, z) -> fused(x, y, z, r, flush, saturate));
  }

  private static int fused(int x, int y, int z, Rounding r, boolean flush, boolean saturate) {
    float a = Float.intBitsToFloat(x);
    float b = Float.intBitsToFloat(y);
    float c = Float.intBitsToFloat(z);
    float result =
        flush ? flush(Exact.fused(flush(a), flush(b), flush(c), r)) : Exact.fused(a, b, c, r);
    return bits(saturate ? saturate(result) : result);
  }

  static void sign(Form form, PtxType type) {
    form.instr.group = Instr.Group.FLOAT;
    boolean flush = type == PtxType.F32 && form.take("ftz");
    boolean abs = form.base.equals("abs");
    int d = form.target(0, type);
    int a = form.source(1, type);
    if (type == PtxType.F64) {
      form.instr.action =
          Lanes.long1(d, a, abs ? x -> x & Long.MAX_VALUE : x -> x ^ Long.MIN_VALUE);
      return;
    }
    int signs = HalfArithmetic.signBits(form, type);
    IntUnaryOperator op = abs ? x -> x & ~signs : x -> x ^ signs;
    form.instr.action =
        Lanes.int1(
            d,
            a,
            flush
                ? x -> Float.floatToRawIntBits(flush(Float.intBitsToFloat(op.applyAsInt(x))))
                : op);
  }

  private static void copySign(Form form) {
    PtxType type = form.type(PtxType.F32, PtxType.F64);
    form.instr.group = Instr.Group.FLOAT;
    int d = form.target(0, type);
    int a = form.source(1, type);
    int b = form.source(2, type);
    form.instr.action =
        type == PtxType.F64
            ? Lanes.long2(d, a, b, (x, y) -> (x & Long.MIN_VALUE) | (y & Long.MAX_VALUE))
            : Lanes.int2(d, a, b, (x, y) -> (x & Integer.MIN_VALUE) | (y & Integer.MAX_VALUE));
  }

  private static void testProperty(Form form) {
    String property =
        form.takeOne("finite", "infinite", "number", "notanumber", "normal", "subnormal");
    PtxType type = form.type(PtxType.F32, PtxType.F64);
    form.instr.group = Instr.Group.FLOAT;
    int d = form.target(0, 1);
    int a = form.source(1, type);
    boolean wide = type == PtxType.F64;
    double least = wide ? Double.MIN_NORMAL : Float.MIN_NORMAL;
    form.instr.action =
        (w, mask) ->
            Lanes.predicate(
                w,
                d,
                mask,
                Lanes.lanes(
                    mask,
                    l -> {
                      double x =
                          wide
                              ? Double.longBitsToDouble(w.q[a + l])
                              : Float.intBitsToFloat(w.r[a + l]);
                      double size = Math.abs(x);
                      return switch (property) {
                        case "finite" -> Double.isFinite(x);
                        case "infinite" -> Double.isInfinite(x);
                        case "number" -> !Double.isNaN(x);
                        case "notanumber" -> Double.isNaN(x);
                        case "normal" -> Double.isFinite(x) && size >= least;
                        default -> size > 0 && size < least;
                      };
                    }));
  }
}
