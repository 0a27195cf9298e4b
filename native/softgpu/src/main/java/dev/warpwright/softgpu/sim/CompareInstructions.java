package dev.warpwright.softgpu.sim;

import java.util.Map;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** setp and set. */
final class CompareInstructions {
  private static final String[] NAMES = {
    "eq", "ne", "lt", "le", "gt", "ge", "lo", "ls", "hi", "hs", "equ", "neu", "ltu", "leu", "gtu",
    "geu", "num", "nan"
  };

  private CompareInstructions() {}

  /** Compares two registers for the lanes of a mask. */
  @FunctionalInterface
  private interface Compare {
    int lanes(Warp warp, int mask);
  }

  static void register(Map<String, Consumer<Form>> to) {
    to.put("setp", CompareInstructions::predicate);
    to.put("set", CompareInstructions::value);
  }

  private static void predicate(Form form) {
    String name = form.takeOne(NAMES);
    String combine = form.takeAny("and", "or", "xor");
    boolean flush = form.take("ftz");
    PtxType type = form.type();
    int first;
    int second = -1;
    if (form.operand(0) instanceof Operand.Pair pair) {
      first = form.target(pair.first(), 1);
      second = form.target(pair.second(), 1);
    } else {
      first = form.target(0, 1);
    }
    Form.Predicate with = combine == null ? null : form.predicate(3);
    form.needOperands(combine == null ? 3 : 4, combine == null ? 3 : 4);
    Compare compare = compare(form, name, type, flush);
    int other = second;
    form.instr.action =
        (w, m) -> {
          int result = compare.lanes(w, m);
          int negated = ~result;
          if (with != null) {
            int c = with.of(w);
            result = combine(combine, result, c);
            negated = combine(combine, negated, c);
          }
          Lanes.predicate(w, first, m, result);
          if (other >= 0) {
            Lanes.predicate(w, other, m, negated);
          }
        };
  }

  private static int combine(@Nullable String how, int a, int b) {
    return switch (how) {
      case "and" -> a & b;
      case "or" -> a | b;
      case null, default -> a ^ b;
    };
  }

  private static void value(Form form) {
    String name = form.takeOne(NAMES);
    boolean flush = form.take("ftz");
    PtxType to = form.type();
    PtxType from = form.type();
    if (HalfCompare.isPair(from)) {
      HalfCompare.setPair(form, name, to, from, flush);
      return;
    }
    form.needOperands(3, 3);
    int yes =
        switch (to) {
          case U32, S32 -> -1;
          case F32 -> Float.floatToRawIntBits(1);
          default -> throw form.refuse("type ." + to.text + " is not for set");
        };
    int d = form.target(0, to);
    Compare compare = compare(form, name, from, flush);
    form.instr.action =
        (w, mask) -> {
          int result = compare.lanes(w, mask);
          for (int m = mask; m != 0; m &= m - 1) {
            int l = Integer.numberOfTrailingZeros(m);
            w.r[d + l] = (result >>> l & 1) != 0 ? yes : 0;
          }
        };
  }

  private static Compare compare(Form form, String name, PtxType type, boolean flush) {
    int a = form.source(1, type);
    int b = form.source(2, type);
    if (type.isFloat()) {
      form.instr.group = Instr.Group.FLOAT;
      FloatTest floats = floats(name, form);
      if (type == PtxType.F64) {
        Lanes.LongTest test =
            (x, y) -> floats.test(Double.longBitsToDouble(x), Double.longBitsToDouble(y));
        return (w, m) -> Lanes.testLongs(w, m, a, b, test);
      }
      Lanes.IntTest test =
          switch (type) {
            case F32 ->
                flush
                    ? (x, y) ->
                        floats.test(
                            FloatInstructions.flush(Float.intBitsToFloat(x)),
                            FloatInstructions.flush(Float.intBitsToFloat(y)))
                    : (x, y) -> floats.test(Float.intBitsToFloat(x), Float.intBitsToFloat(y));
            case F16, BF16 ->
                (x, y) ->
                    floats.test(
                        HalfArithmetic.value(x, type == PtxType.BF16),
                        HalfArithmetic.value(y, type == PtxType.BF16));
            default -> throw form.refuse("type ." + type.text + " is not for " + form.base);
          };
      return (w, m) -> Lanes.testInts(w, m, a, b, test);
    }
    if (type.bytes == 1 || type == PtxType.PRED) {
      throw form.refuse("type ." + type.text + " is not for " + form.base);
    }
    boolean equality = name.equals("eq") || name.equals("ne");
    boolean signed = type.isSigned();
    if (type.isBits() && !equality) {
      throw form.refuse("." + name + " of ." + type.text);
    }
    if (type.bytes == 8) {
      Lanes.LongTest test = longs(form, name, signed);
      return (w, m) -> Lanes.testLongs(w, m, a, b, test);
    }
    Lanes.IntTest test = ints(form, name, type, signed);
    return (w, m) -> Lanes.testInts(w, m, a, b, test);
  }

  private static Lanes.LongTest longs(Form form, String name, boolean signed) {
    return switch (name) {
      case "eq" -> (x, y) -> x == y;
      case "ne" -> (x, y) -> x != y;
      case "lt", "lo" -> signed ? (x, y) -> x < y : (x, y) -> Long.compareUnsigned(x, y) < 0;
      case "le", "ls" -> signed ? (x, y) -> x <= y : (x, y) -> Long.compareUnsigned(x, y) <= 0;
      case "gt", "hi" -> signed ? (x, y) -> x > y : (x, y) -> Long.compareUnsigned(x, y) > 0;
      case "ge", "hs" -> signed ? (x, y) -> x >= y : (x, y) -> Long.compareUnsigned(x, y) >= 0;
      default -> throw form.refuse("." + name + " of integers");
    };
  }

  private static Lanes.IntTest ints(Form form, String name, PtxType type, boolean signed) {
    if (type == PtxType.S16) {
      Lanes.IntTest wide = ints(form, name, PtxType.S32, true);
      return (x, y) -> wide.test((short) x, (short) y);
    }
    return switch (name) {
      case "eq" -> (x, y) -> x == y;
      case "ne" -> (x, y) -> x != y;
      case "lt", "lo" -> signed ? (x, y) -> x < y : (x, y) -> Integer.compareUnsigned(x, y) < 0;
      case "le", "ls" -> signed ? (x, y) -> x <= y : (x, y) -> Integer.compareUnsigned(x, y) <= 0;
      case "gt", "hi" -> signed ? (x, y) -> x > y : (x, y) -> Integer.compareUnsigned(x, y) > 0;
      case "ge", "hs" -> signed ? (x, y) -> x >= y : (x, y) -> Integer.compareUnsigned(x, y) >= 0;
      default -> throw form.refuse("." + name + " of integers");
    };
  }

  /** Compares two numbers. */
  @FunctionalInterface
  interface FloatTest {
    boolean test(double x, double y);
  }

  static FloatTest floats(String name, Form form) {
    return switch (name) {
      case "eq" -> (x, y) -> x == y;
      case "ne" -> (x, y) -> x < y || x > y;
      case "lt" -> (x, y) -> x < y;
      case "le" -> (x, y) -> x <= y;
      case "gt" -> (x, y) -> x > y;
      case "ge" -> (x, y) -> x >= y;
      case "equ" -> (x, y) -> !(x < y || x > y);
      case "neu" -> (x, y) -> x != y;
      case "ltu" -> (x, y) -> !(x >= y);
      case "leu" -> (x, y) -> !(x > y);
      case "gtu" -> (x, y) -> !(x <= y);
      case "geu" -> (x, y) -> !(x < y);
      case "num" -> (x, y) -> !Double.isNaN(x) && !Double.isNaN(y);
      case "nan" -> (x, y) -> Double.isNaN(x) || Double.isNaN(y);
      default -> throw form.refuse("." + name + " of floating-point numbers");
    };
  }
}
