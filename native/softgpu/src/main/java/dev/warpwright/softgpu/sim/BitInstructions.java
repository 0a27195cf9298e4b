package dev.warpwright.softgpu.sim;

import java.util.Map;
import java.util.function.Consumer;
import java.util.function.IntBinaryOperator;
import org.jspecify.annotations.Nullable;

/** Logic, shifts, bit fields and counts. */
final class BitInstructions {
  private BitInstructions() {}

  static void register(Map<String, Consumer<Form>> to) {
    for (String name : new String[] {"and", "or", "xor", "not", "cnot"}) {
      to.put(name, BitInstructions::logic);
    }
    to.put("lop3", BitInstructions::lop3);
    to.put("shl", BitInstructions::shift);
    to.put("shr", BitInstructions::shift);
    to.put("shf", BitInstructions::funnel);
    to.put("popc", BitInstructions::count);
    to.put("clz", BitInstructions::count);
    to.put("bfind", BitInstructions::find);
    to.put("brev", BitInstructions::reverse);
    to.put("bfe", BitInstructions::extract);
    to.put("bfi", BitInstructions::insert);
    to.put("prmt", BitInstructions::permute);
  }

  private static void logic(Form form) {
    PtxType type = form.type(PtxType.PRED, PtxType.B16, PtxType.B32, PtxType.B64);
    boolean unary = form.base.endsWith("not");
    form.needOperands(unary ? 2 : 3, unary ? 2 : 3);
    if (type == PtxType.PRED) {
      predicates(form);
      return;
    }
    int d = form.target(0, type);
    int a = form.source(1, type);
    int b = unary ? a : form.source(2, type);
    int keep = type.bytes == 2 ? 0xffff : -1;
    boolean wide = type.bytes == 8;
    form.instr.action =
        switch (form.base) {
          case "and" ->
              wide ? Lanes.long2(d, a, b, (x, y) -> x & y) : Lanes.int2(d, a, b, (x, y) -> x & y);
          case "or" ->
              wide ? Lanes.long2(d, a, b, (x, y) -> x | y) : Lanes.int2(d, a, b, (x, y) -> x | y);
          case "xor" ->
              wide ? Lanes.long2(d, a, b, (x, y) -> x ^ y) : Lanes.int2(d, a, b, (x, y) -> x ^ y);
          case "not" -> wide ? Lanes.long1(d, a, x -> ~x) : Lanes.int1(d, a, x -> ~x & keep);
          default ->
              wide ? Lanes.long1(d, a, x -> x == 0 ? 1 : 0) : Lanes.int1(d, a, x -> x == 0 ? 1 : 0);
        };
  }

  private static void predicates(Form form) {
    int d = form.target(0, 1);
    Form.Predicate a = form.predicate(1);
    Form.Predicate b = form.operands.size() > 2 ? form.predicate(2) : a;
    IntBinaryOperator op =
        switch (form.base) {
          case "and" -> (x, y) -> x & y;
          case "or" -> (x, y) -> x | y;
          case "xor" -> (x, y) -> x ^ y;
          case "not" -> (x, y) -> ~x;
          default -> throw form.refuse("type .pred is not for " + form.base);
        };
    form.instr.action = (w, m) -> Lanes.predicate(w, d, m, op.applyAsInt(a.of(w), b.of(w)));
  }

  private static void lop3(Form form) {
    form.type(PtxType.B32);
    form.needOperands(5, 5);
    if (!(form.operand(4) instanceof Operand.Literal literal)) {
      throw form.refuse("a literal table is expected");
    }
    int table = (int) literal.bits();
    form.instr.action =
        Lanes.int3(
            form.target(0, PtxType.B32),
            form.source(1, PtxType.B32),
            form.source(2, PtxType.B32),
            form.source(3, PtxType.B32),
            (x, y, z) -> lop3(x, y, z, table));
  }

  static int lop3(int x, int y, int z, int table) {
    int result = 0;
    for (int i = 0; i < 8; i++) {
      if ((table >> i & 1) != 0) {
        result |= ((i & 4) != 0 ? x : ~x) & ((i & 2) != 0 ? y : ~y) & ((i & 1) != 0 ? z : ~z);
      }
    }
    return result;
  }

  private static void shift(Form form) {
    PtxType type = form.type();
    boolean left = form.base.equals("shl");
    if (type.isFloat() || type.bytes < 2 || (left && !type.isBits())) {
      throw form.refuse("type ." + type.text + " is not for " + form.base);
    }
    int d = form.target(0, type);
    int a = form.source(1, type);
    int b = form.source(2, PtxType.B32);
    int bits = type.bytes * 8;
    boolean signed = type.isSigned();
    if (type.bytes == 8) {
      form.instr.action =
          Lanes.shift(
              d,
              a,
              b,
              left
                  ? (x, n) -> Integer.compareUnsigned(n, 63) > 0 ? 0 : x << n
                  : signed
                      ? (x, n) -> x >> Math.min(n & 0xffffffffL, 63)
                      : (x, n) -> Integer.compareUnsigned(n, 63) > 0 ? 0 : x >>> n);
      return;
    }
    int keep = type.bytes == 2 ? 0xffff : -1;
    form.instr.action =
        Lanes.int2(
            d,
            a,
            b,
            left
                ? (x, n) -> Integer.compareUnsigned(n, bits) >= 0 ? 0 : (x << n) & keep
                : signed
                    ? (x, n) -> (Arithmetic.widen(x, type) >> Math.min(n & 0xffffffffL, 31)) & keep
                    : (x, n) -> Integer.compareUnsigned(n, bits) >= 0 ? 0 : x >>> n);
  }

  private static void funnel(Form form) {
    String way = form.takeOne("l", "r");
    String mode = form.takeOne("clamp", "wrap");
    form.type(PtxType.B32);
    boolean left = way.equals("l");
    boolean wrap = mode.equals("wrap");
    form.instr.action =
        Lanes.int3(
            form.target(0, PtxType.B32),
            form.source(1, PtxType.B32),
            form.source(2, PtxType.B32),
            form.source(3, PtxType.B32),
            (low, high, by) -> {
              int n = wrap ? by & 31 : Integer.compareUnsigned(by, 32) > 0 ? 32 : by;
              long both = ((long) high << 32) | (low & 0xffffffffL);
              return (int) (left ? both >>> (32 - n) : both >>> n);
            });
  }

  private static void count(Form form) {
    PtxType type = form.type(PtxType.B32, PtxType.B64);
    int d = form.target(0, PtxType.B32);
    int a = form.source(1, type);
    boolean ones = form.base.equals("popc");
    form.instr.action =
        type.bytes == 8
            ? Lanes.toInt(d, a, ones ? Long::bitCount : Long::numberOfLeadingZeros)
            : Lanes.int1(d, a, ones ? Integer::bitCount : Integer::numberOfLeadingZeros);
  }

  private static void find(Form form) {
    boolean amount = form.take("shiftamt");
    PtxType type = form.type(PtxType.U32, PtxType.S32, PtxType.U64, PtxType.S64);
    boolean signed = type.isSigned();
    int d = form.target(0, PtxType.U32);
    int a = form.source(1, type);
    form.instr.action =
        type.bytes == 8
            ? Lanes.toInt(d, a, x -> find(signed && x < 0 ? ~x : x, 64, amount))
            : Lanes.int1(d, a, x -> find((signed && x < 0 ? ~x : x) & 0xffffffffL, 32, amount));
  }

  private static int find(long x, int bits, boolean amount) {
    if (x == 0) {
      return -1;
    }
    int at = 63 - Long.numberOfLeadingZeros(x);
    return amount ? bits - 1 - at : at;
  }

  private static void reverse(Form form) {
    PtxType type = form.type(PtxType.B32, PtxType.B64);
    int d = form.target(0, type);
    int a = form.source(1, type);
    form.instr.action =
        type.bytes == 8 ? Lanes.long1(d, a, Long::reverse) : Lanes.int1(d, a, Integer::reverse);
  }

  private static void extract(Form form) {
    PtxType type = form.type(PtxType.U32, PtxType.S32, PtxType.U64, PtxType.S64);
    boolean signed = type.isSigned();
    int d = form.target(0, type);
    int a = form.source(1, type);
    int b = form.source(2, PtxType.U32);
    int c = form.source(3, PtxType.U32);
    boolean wide = type.bytes == 8;
    form.instr.action =
        (w, mask) -> {
          for (int m = mask; m != 0; m &= m - 1) {
            int l = Integer.numberOfTrailingZeros(m);
            int at = w.r[b + l] & 0xff;
            int length = w.r[c + l] & 0xff;
            if (wide) {
              w.q[d + l] = extract(w.q[a + l], at, length, 64, signed);
            } else {
              long x = signed ? w.r[a + l] : w.r[a + l] & 0xffffffffL;
              w.r[d + l] = (int) extract(x, at, length, 32, signed);
            }
          }
        };
  }

  /** As the PTX manual's pseudo code: bits beyond the most significant one repeat the sign. */
  static long extract(long x, int at, int length, int bits, boolean signed) {
    int last = Math.min(at + length - 1, bits - 1);
    boolean sign = signed && length > 0 && (x >> last & 1) != 0;
    long result = 0;
    for (int i = 0; i < bits; i++) {
      boolean bit = (i < length && at + i < bits) ? (x >> (at + i) & 1) != 0 : sign;
      result |= bit ? 1L << i : 0;
    }
    return result;
  }

  private static void insert(Form form) {
    PtxType type = form.type(PtxType.B32, PtxType.B64);
    int d = form.target(0, type);
    int a = form.source(1, type);
    int b = form.source(2, type);
    int c = form.source(3, PtxType.U32);
    int e = form.source(4, PtxType.U32);
    boolean wide = type.bytes == 8;
    form.instr.action =
        (w, mask) -> {
          for (int m = mask; m != 0; m &= m - 1) {
            int l = Integer.numberOfTrailingZeros(m);
            int at = w.r[c + l] & 0xff;
            int length = w.r[e + l] & 0xff;
            if (wide) {
              w.q[d + l] = insert(w.q[a + l], w.q[b + l], at, length);
            } else {
              w.r[d + l] = (int) insert(w.r[a + l], w.r[b + l] & 0xffffffffL, at, length);
            }
          }
        };
  }

  private static long insert(long field, long into, int at, int length) {
    if (at > 63 || length == 0) {
      return into;
    }
    long ones = (length > 63 ? -1L : (1L << length) - 1) << at;
    return (into & ~ones) | ((field << at) & ones);
  }

  private static void permute(Form form) {
    int[] selectors = selectors(form.takeAny("f4e", "b4e", "rc8", "ecl", "ecr", "rc16"));
    form.type(PtxType.B32);
    form.instr.action =
        Lanes.int3(
            form.target(0, PtxType.B32),
            form.source(1, PtxType.B32),
            form.source(2, PtxType.B32),
            form.source(3, PtxType.B32),
            selectors.length == 0
                ? BitInstructions::permute
                : (low, high, mode) -> permute(low, high, selectors[mode & 3]));
  }

  /** What the modes of prmt select for each value of the lowest two bits; nothing without mode. */
  private static int[] selectors(@Nullable String mode) {
    return switch (mode) {
      case "f4e" -> new int[] {0x3210, 0x4321, 0x5432, 0x6543};
      case "b4e" -> new int[] {0x5670, 0x6701, 0x7012, 0x0123};
      case "rc8" -> new int[] {0x0000, 0x1111, 0x2222, 0x3333};
      case "ecl" -> new int[] {0x3210, 0x3211, 0x3222, 0x3333};
      case "ecr" -> new int[] {0x0000, 0x1110, 0x2210, 0x3210};
      case "rc16" -> new int[] {0x1010, 0x3232, 0x1010, 0x3232};
      case null, default -> new int[0];
    };
  }

  static int permute(int low, int high, int selector) {
    long both = ((long) high << 32) | (low & 0xffffffffL);
    int result = 0;
    for (int i = 0; i < 4; i++) {
      int select = selector >> (4 * i) & 15;
      int value = (int) (both >> (8 * (select & 7))) & 0xff;
      if ((select & 8) != 0) {
        value = (value & 0x80) != 0 ? 0xff : 0;
      }
      result |= value << (8 * i);
    }
    return result;
  }
}
