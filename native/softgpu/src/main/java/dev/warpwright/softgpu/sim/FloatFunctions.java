package dev.warpwright.softgpu.sim;

import dev.warpwright.softgpu.sim.Formats.Rounding;
import java.util.Map;
import java.util.function.Consumer;
import java.util.function.DoubleUnaryOperator;

/** Reciprocal, roots, powers, logarithms and trigonometry of f32 and f64. */
final class FloatFunctions {
  private FloatFunctions() {}

  /** A float to a float. */
  @FunctionalInterface
  interface Float1 {
    float apply(float a);
  }

  static void register(Map<String, Consumer<Form>> to) {
    for (String name : new String[] {"rcp", "sqrt", "rsqrt", "sin", "cos", "lg2", "ex2", "tanh"}) {
      to.put(name, FloatFunctions::unary);
    }
  }

  private static void unary(Form form) {
    form.instr.group = Instr.Group.FLOAT;
    form.needOperands(2, 2);
    boolean approximate = form.take("approx");
    Rounding r = approximate ? Rounding.RN : FloatInstructions.rounding(form);
    boolean flush = form.take("ftz");
    PtxType type = form.type();
    boolean exactName = form.base.equals("rcp") || form.base.equals("sqrt");
    if (!approximate && !exactName) {
      throw form.refuse("." + "approx is missing");
    }
    if (type != PtxType.F32 && type != PtxType.F64) {
      HalfArithmetic.unary(form, type, flush);
      return;
    }
    int d = form.target(0, type);
    int a = form.source(1, type);
    if (type == PtxType.F64) {
      DoubleUnaryOperator op =
          switch (form.base) {
            case "rcp" -> approximate ? x -> top(1 / top(x)) : x -> Exact.divide(1, x, r);
            case "sqrt" -> x -> Exact.root(x, r);
            case "rsqrt" -> flush ? x -> top(1 / Math.sqrt(top(x))) : x -> 1 / Math.sqrt(x);
            default -> throw form.refuse("type .f64 is not for " + form.base);
          };
      form.instr.action =
          Lanes.long1(
              d, a, x -> Double.doubleToRawLongBits(op.applyAsDouble(Double.longBitsToDouble(x))));
      return;
    }
    Float1 op = function(form, r);
    form.instr.action =
        Lanes.int1(
            d,
            a,
            flush
                ? x ->
                    FloatInstructions.bits(
                        FloatInstructions.flush(
                            op.apply(FloatInstructions.flush(Float.intBitsToFloat(x)))))
                : x -> FloatInstructions.bits(op.apply(Float.intBitsToFloat(x))));
  }

  /**
   * The upper 32 bits: what the approximate f64 instructions read and write; subnormal numbers are
   * zero to them.
   */
  private static double top(double x) {
    return Math.abs(x) < Double.MIN_NORMAL
        ? Math.copySign(0.0, x)
        : Double.longBitsToDouble(Double.doubleToRawLongBits(x) & 0xffffffff00000000L);
  }

  /** Approximate functions are computed in double and rounded once. */
  static Float1 function(Form form, Rounding r) {
    return switch (form.base) {
      case "rcp" -> x -> Exact.divide(1f, x, r);
      case "sqrt" -> x -> Exact.root(x, r);
      case "rsqrt" -> x -> (float) (1 / Math.sqrt(x));
      case "sin" -> x -> (float) StrictMath.sin(x);
      case "cos" -> x -> (float) StrictMath.cos(x);
      case "lg2" -> FloatFunctions::log2;
      case "ex2" -> x -> (float) StrictMath.pow(2, x);
      case "tanh" -> x -> (float) StrictMath.tanh(x);
      default -> throw new IllegalStateException(form.base);
    };
  }

  /** Exact for powers of two. */
  private static float log2(float x) {
    int exponent = Math.getExponent(x);
    if (x > 0
        && Float.isFinite(x)
        && exponent >= Float.MIN_EXPONENT
        && x == Math.scalb(1f, exponent)) {
      return exponent;
    }
    return (float) (StrictMath.log(x) / StrictMath.log(2));
  }
}
