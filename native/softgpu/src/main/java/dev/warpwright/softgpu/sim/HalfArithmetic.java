package dev.warpwright.softgpu.sim;

import dev.warpwright.softgpu.sim.Formats.Format;
import dev.warpwright.softgpu.sim.Formats.Rounding;
import java.util.function.IntBinaryOperator;
import java.util.function.IntUnaryOperator;

/** f16, f16x2, bf16 and bf16x2: computed in double without error and rounded once. */
final class HalfArithmetic {
  private static final int NAN = 0x7fff;

  private HalfArithmetic() {}

  private static boolean isBrain(Form form, PtxType type) {
    return switch (type) {
      case F16, F16X2 -> false;
      case BF16, BF16X2 -> true;
      default -> throw form.refuse("type ." + type.text + " is not for " + form.base);
    };
  }

  private static boolean isPair(PtxType type) {
    return type.bytes == 4;
  }

  static int signBits(Form form, PtxType type) {
    return switch (type) {
      case F32 -> Integer.MIN_VALUE;
      case F16, BF16 -> 0x8000;
      case F16X2, BF16X2 -> 0x80008000;
      default -> throw form.refuse("type ." + type.text + " is not for " + form.base);
    };
  }

  static float value(int code, boolean brain) {
    return brain ? Formats.brain(code) : Formats.half(code);
  }

  static int code(double x, boolean brain) {
    if (Double.isNaN(x)) {
      return NAN;
    }
    Format format = brain ? Formats.BF16 : Formats.F16;
    return Formats.round(x, format, Rounding.RN, false);
  }

  static void binary(Form form, PtxType type) {
    boolean brain = isBrain(form, type);
    boolean minimum = form.base.equals("min") || form.base.equals("max");
    if (!minimum) {
      form.take("rn");
    }
    boolean propagate = minimum && form.take("NaN");
    boolean flush = !brain && form.take("ftz");
    boolean saturate = !brain && !minimum && form.take("sat");
    if (brain && !minimum) {
      form.needArchitecture(90);
    }
    IntBinaryOperator half =
        (x, y) -> {
          float a = value(x & 0xffff, brain);
          float b = value(y & 0xffff, brain);
          if (flush) {
            a = flush(a);
            b = flush(b);
          }
          if (minimum && (Float.isNaN(a) || Float.isNaN(b))) {
            return propagate || (Float.isNaN(a) && Float.isNaN(b))
                ? NAN
                : (Float.isNaN(a) ? y : x) & 0xffff;
          }
          double result =
              switch (form.base) {
                // Sums of bf16 can be too long even for a double.
                case "add" -> Formats.fusedToOdd(a, 1, b);
                case "sub" -> Formats.fusedToOdd(a, 1, -b);
                case "mul" -> (double) a * b;
                case "min" -> Math.min(a, b);
                case "max" -> Math.max(a, b);
                default -> throw new IllegalStateException(form.base);
              };
          return finish(result, brain, flush, saturate);
        };
    if (form.base.equals("div") || form.base.equals("rem")) {
      throw form.refuse("type ." + type.text + " is not for " + form.base);
    }
    form.instr.action =
        Lanes.int2(
            form.target(0, type),
            form.source(1, type),
            form.source(2, type),
            isPair(type)
                ? (x, y) -> half.applyAsInt(x, y) | (half.applyAsInt(x >>> 16, y >>> 16) << 16)
                : half);
  }

  private static int finish(double result, boolean brain, boolean flush, boolean saturate) {
    double x = result;
    if (saturate) {
      x = Double.isNaN(x) ? 0 : Math.min(Math.max(x, 0.0), 1.0);
    }
    int code = code(x, brain);
    return flush && (code & 0x7c00) == 0 ? code & 0x8000 : code;
  }

  private static float flush(float x) {
    return Math.abs(x) < 0x1p-14f ? Math.copySign(0f, x) : x;
  }

  static void fused(Form form, PtxType type) {
    boolean brain = isBrain(form, type);
    form.takeOne("rn");
    boolean flush = !brain && form.take("ftz");
    boolean saturate = !brain && form.take("sat");
    boolean relu = form.take("relu");
    Lanes.Int3 half =
        (x, y, z) -> {
          float a = value(x & 0xffff, brain);
          float b = value(y & 0xffff, brain);
          float c = value(z & 0xffff, brain);
          if (flush) {
            a = flush(a);
            b = flush(b);
            c = flush(c);
          }
          double result = Formats.fusedToOdd(a, b, c);
          if (relu && result < 0) {
            result = 0;
          }
          return finish(result, brain, flush, saturate);
        };
    form.instr.action =
        Lanes.int3(
            form.target(0, type),
            form.source(1, type),
            form.source(2, type),
            form.source(3, type),
            isPair(type)
                ? (x, y, z) ->
                    half.apply(x, y, z) | (half.apply(x >>> 16, y >>> 16, z >>> 16) << 16)
                : half);
  }

  static void unary(Form form, PtxType type, boolean flush) {
    boolean brain = isBrain(form, type);
    if (!form.base.equals("ex2") && !form.base.equals("tanh")) {
      throw form.refuse("type ." + type.text + " is not for " + form.base);
    }
    if (brain) {
      form.needArchitecture(90);
    }
    FloatFunctions.Float1 function = FloatFunctions.function(form, Rounding.RN);
    int normal = brain ? 0x7f80 : 0x7c00;
    IntUnaryOperator half =
        x -> {
          int code = code(function.apply(value(x & 0xffff, brain)), brain);
          return flush && (code & normal) == 0 ? code & 0x8000 : code;
        };
    form.instr.action =
        Lanes.int1(
            form.target(0, type),
            form.source(1, type),
            isPair(type) ? x -> half.applyAsInt(x) | (half.applyAsInt(x >>> 16) << 16) : half);
  }
}
