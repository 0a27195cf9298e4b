package dev.warpwright.softgpu.sim;

import java.math.BigInteger;
import java.util.Map;
import java.util.function.Consumer;
import java.util.function.IntBinaryOperator;
import java.util.function.LongBinaryOperator;

/** add, sub, mul, mad, div, rem, min, max, abs, neg, sad on integers; floats are handed on. */
final class Arithmetic {
  private Arithmetic() {}

  static void register(Map<String, Consumer<Form>> to) {
    for (String name : new String[] {"add", "sub", "min", "max", "div", "rem"}) {
      to.put(name, Arithmetic::binary);
    }
    to.put("mul", Arithmetic::multiply);
    to.put("mad", Arithmetic::multiplyAdd);
    to.put("mul24", Arithmetic::multiply24);
    to.put("abs", Arithmetic::unary);
    to.put("neg", Arithmetic::unary);
    to.put("sad", Arithmetic::sumOfDifferences);
    to.put("dp4a", Arithmetic::dotProduct);
    to.put("dp2a", Arithmetic::dotProduct);
  }

  private static void binary(Form form) {
    PtxType type = form.type();
    if (type.isFloat()) {
      FloatInstructions.binary(form, type);
      return;
    }
    if (form.take("cc")) {
      CarryInstructions.leaving(form, type);
      return;
    }
    form.needOperands(3, 3);
    if (!type.isInteger() || type.bytes == 1) {
      throw form.refuse("type ." + type.text + " is not for " + form.base);
    }
    boolean saturate =
        (form.base.equals("add") || form.base.equals("sub"))
            && type == PtxType.S32
            && form.take("sat");
    int d = form.target(0, type);
    int a = form.source(1, type);
    int b = form.source(2, type);
    form.instr.action =
        type.bytes == 8
            ? Lanes.long2(d, a, b, longs(form.base, type.isSigned()))
            : Lanes.int2(d, a, b, saturate ? saturating(form.base) : ints(form.base, type));
  }

  private static IntBinaryOperator saturating(String name) {
    return name.equals("add") ? (x, y) -> clamp((long) x + y) : (x, y) -> clamp((long) x - y);
  }

  private static int clamp(long value) {
    return Math.clamp(value, Integer.MIN_VALUE, Integer.MAX_VALUE);
  }

  /** A lane's value as the type sees it: 16-bit registers hold zero-extended values. */
  static int widen(int value, PtxType type) {
    return type == PtxType.S16 ? (short) value : value;
  }

  private static IntBinaryOperator ints(String name, PtxType type) {
    if (type.bytes == 2) {
      IntBinaryOperator wide = ints(name, type.isSigned() ? PtxType.S32 : PtxType.U32);
      return (x, y) -> wide.applyAsInt(widen(x, type), widen(y, type)) & 0xffff;
    }
    boolean signed = type.isSigned();
    return switch (name) {
      case "add" -> Integer::sum;
      case "sub" -> (x, y) -> x - y;
      case "min" -> signed ? Math::min : (x, y) -> Integer.compareUnsigned(x, y) < 0 ? x : y;
      case "max" -> signed ? Math::max : (x, y) -> Integer.compareUnsigned(x, y) > 0 ? x : y;
      case "div" ->
          signed
              ? (x, y) -> y == 0 ? -1 : x / y
              : (x, y) -> y == 0 ? -1 : Integer.divideUnsigned(x, y);
      case "rem" ->
          signed
              ? (x, y) -> y == 0 ? x : x % y
              : (x, y) -> y == 0 ? x : Integer.remainderUnsigned(x, y);
      default -> throw new IllegalStateException(name);
    };
  }

  private static LongBinaryOperator longs(String name, boolean signed) {
    return switch (name) {
      case "add" -> Long::sum;
      case "sub" -> (x, y) -> x - y;
      case "min" -> signed ? Math::min : (x, y) -> Long.compareUnsigned(x, y) < 0 ? x : y;
      case "max" -> signed ? Math::max : (x, y) -> Long.compareUnsigned(x, y) > 0 ? x : y;
      case "div" ->
          signed
              ? (x, y) -> y == 0 ? -1 : x / y
              : (x, y) -> y == 0 ? -1 : Long.divideUnsigned(x, y);
      case "rem" ->
          signed
              ? (x, y) -> y == 0 ? x : x % y
              : (x, y) -> y == 0 ? x : Long.remainderUnsigned(x, y);
      default -> throw new IllegalStateException(name);
    };
  }

  private static PtxType doubled(Form form, PtxType type) {
    return switch (type) {
      case S16 -> PtxType.S32;
      case U16 -> PtxType.U32;
      case S32 -> PtxType.S64;
      case U32 -> PtxType.U64;
      default -> throw form.refuse(".wide of ." + type.text);
    };
  }

  private static void multiply(Form form) {
    PtxType type = form.type();
    if (type.isFloat()) {
      FloatInstructions.binary(form, type);
      return;
    }
    form.needOperands(3, 3);
    String half = integerHalf(form, type);
    boolean wide = half.equals("wide");
    int d = form.target(0, wide ? doubled(form, type) : type);
    int a = form.source(1, type);
    int b = form.source(2, type);
    if (wide && type.bytes == 4) {
      form.instr.action = Lanes.widening(d, a, b, product(type));
    } else if (type.bytes == 8) {
      form.instr.action = Lanes.long2(d, a, b, longProduct(half, type.isSigned()));
    } else {
      form.instr.action = Lanes.int2(d, a, b, intProduct(half, type));
    }
  }

  private static String integerHalf(Form form, PtxType type) {
    if (!type.isInteger() || type.bytes == 1) {
      throw form.refuse("type ." + type.text + " is not for " + form.base);
    }
    return form.takeOne("lo", "hi", "wide");
  }

  private static void multiplyAdd(Form form) {
    PtxType type = form.type();
    if (type.isFloat()) {
      FloatInstructions.fused(form, type);
      return;
    }
    if (form.take("cc")) {
      CarryInstructions.leaving(form, type);
      return;
    }
    form.needOperands(4, 4);
    String half = integerHalf(form, type);
    boolean wide = half.equals("wide");
    PtxType sum = wide ? doubled(form, type) : type;
    int d = form.target(0, sum);
    int a = form.source(1, type);
    int b = form.source(2, type);
    int c = form.source(3, sum);
    if (wide && type.bytes == 4) {
      form.instr.action = Lanes.wideningAdd(d, a, b, c, product(type));
    } else if (type.bytes == 8) {
      LongBinaryOperator product = longProduct(half, type.isSigned());
      form.instr.action = Lanes.long3(d, a, b, c, (x, y, z) -> product.applyAsLong(x, y) + z);
    } else {
      IntBinaryOperator product = intProduct(half, type);
      int keep = sum.bytes == 2 ? 0xffff : -1;
      form.instr.action =
          type.bytes == 4 && half.equals("lo")
              ? Lanes.int3(d, a, b, c, (x, y, z) -> x * y + z)
              : Lanes.int3(d, a, b, c, (x, y, z) -> (product.applyAsInt(x, y) + z) & keep);
    }
  }

  private static Lanes.Widening product(PtxType type) {
    return type.isSigned()
        ? (x, y) -> (long) x * y
        : (x, y) -> (x & 0xffffffffL) * (y & 0xffffffffL);
  }

  private static IntBinaryOperator intProduct(String half, PtxType type) {
    if (type.bytes == 2) {
      return switch (half) {
        case "lo" -> (x, y) -> (x * y) & 0xffff;
        case "hi" -> (x, y) -> (widen(x, type) * widen(y, type)) >>> 16;
        default -> (x, y) -> widen(x, type) * widen(y, type);
      };
    }
    if (half.equals("lo")) {
      return (x, y) -> x * y;
    }
    Lanes.Widening product = product(type);
    return (x, y) -> (int) (product.apply(x, y) >>> 32);
  }

  private static LongBinaryOperator longProduct(String half, boolean signed) {
    if (half.equals("lo")) {
      return (x, y) -> x * y;
    }
    return signed ? Math::multiplyHigh : Math::unsignedMultiplyHigh;
  }

  private static void multiply24(Form form) {
    PtxType type = form.type(PtxType.S32, PtxType.U32);
    form.takeOne("lo");
    boolean signed = type.isSigned();
    form.instr.action =
        Lanes.int2(
            form.target(0, type),
            form.source(1, type),
            form.source(2, type),
            signed
                ? (x, y) -> ((x << 8) >> 8) * ((y << 8) >> 8)
                : (x, y) -> (x & 0xffffff) * (y & 0xffffff));
  }

  private static void unary(Form form) {
    PtxType type = form.type();
    if (type.isFloat()) {
      FloatInstructions.sign(form, type);
      return;
    }
    if (!type.isSigned()) {
      throw form.refuse("type ." + type.text + " is not for " + form.base);
    }
    int d = form.target(0, type);
    int a = form.source(1, type);
    boolean abs = form.base.equals("abs");
    if (type.bytes == 8) {
      form.instr.action = Lanes.long1(d, a, abs ? x -> x < 0 ? -x : x : x -> -x);
    } else {
      int keep = type.bytes == 2 ? 0xffff : -1;
      form.instr.action =
          Lanes.int1(
              d, a, abs ? x -> (widen(x, type) < 0 ? -widen(x, type) : x) & keep : x -> -x & keep);
    }
  }

  private static void sumOfDifferences(Form form) {
    PtxType type = form.type(PtxType.S32, PtxType.U32);
    boolean signed = type.isSigned();
    form.instr.action =
        Lanes.int3(
            form.target(0, type),
            form.source(1, type),
            form.source(2, type),
            form.source(3, type),
            (x, y, z) -> {
              boolean less = signed ? x < y : Integer.compareUnsigned(x, y) < 0;
              return z + (less ? y - x : x - y);
            });
  }

  private static void dotProduct(Form form) {
    int width = form.base.equals("dp4a") ? 8 : 16;
    String half = width == 16 ? form.takeOne("lo", "hi") : "lo";
    PtxType first = form.type(PtxType.S32, PtxType.U32);
    PtxType second = form.type(PtxType.S32, PtxType.U32);
    int skip = half.equals("hi") ? 16 : 0;
    form.instr.action =
        Lanes.int3(
            form.target(0, PtxType.B32),
            form.source(1, PtxType.B32),
            form.source(2, PtxType.B32),
            form.source(3, PtxType.B32),
            (x, y, z) -> {
              int sum = z;
              for (int i = 0; i < 32 / width; i++) {
                sum +=
                    field(x, i * width, width, first.isSigned())
                        * field(y, skip + i * 8, 8, second.isSigned());
              }
              return sum;
            });
  }

  private static int field(int value, int at, int width, boolean signed) {
    int up = value << (32 - width - at);
    return signed ? up >> (32 - width) : up >>> (32 - width);
  }

  /** An unsigned long as a number. */
  static BigInteger unsigned(long value) {
    BigInteger signed = BigInteger.valueOf(value);
    return value < 0 ? signed.add(BigInteger.ONE.shiftLeft(64)) : signed;
  }
}
