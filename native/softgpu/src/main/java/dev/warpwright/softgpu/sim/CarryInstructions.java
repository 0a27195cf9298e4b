package dev.warpwright.softgpu.sim;

import java.util.Map;
import java.util.function.Consumer;
import java.util.function.LongBinaryOperator;

/**
 * Integers of more than 64 bits: add, sub and mad that leave a carry or borrow for the next one
 * ({@code .cc}), and addc, subc and madc that take it.
 */
final class CarryInstructions {
  private static final long LOW = 0xffffffffL;

  private CarryInstructions() {}

  static void register(Map<String, Consumer<Form>> to) {
    to.put("addc", CarryInstructions::decode);
    to.put("subc", CarryInstructions::decode);
    to.put("madc", CarryInstructions::decode);
  }

  private static void decode(Form form) {
    boolean leaves = form.take("cc");
    decode(form, form.type(PtxType.S32, PtxType.U32, PtxType.S64, PtxType.U64), true, leaves);
  }

  /** An instruction with {@code .cc} that takes no carry. */
  static void leaving(Form form, PtxType type) {
    if (!type.isInteger() || type.bytes < 4) {
      throw form.refuse(".cc of ." + type.text);
    }
    decode(form, type, false, true);
  }

  private static void decode(Form form, PtxType type, boolean takes, boolean leaves) {
    String base = takes ? form.base.substring(0, 3) : form.base;
    boolean product = base.equals("mad");
    form.needOperands(product ? 4 : 3, product ? 4 : 3);
    boolean high = product && form.takeOne("lo", "hi").equals("hi");
    int d = form.target(0, type);
    int a = form.source(1, type);
    int b = form.source(2, type);
    int c = product ? form.source(3, type) : b;
    LongBinaryOperator left = product ? factor(type, high) : (x, y) -> x;
    boolean minus = base.equals("sub");
    boolean wide = type.bytes == 8;
    form.instr.action =
        (w, mask) -> {
          int carries = 0;
          for (int m = mask; m != 0; m &= m - 1) {
            int lane = Integer.numberOfTrailingZeros(m);
            long carry = takes ? w.carry >>> lane & 1 : 0;
            long x = left.applyAsLong(value(w, wide, a + lane), value(w, wide, b + lane));
            long y = value(w, wide, c + lane);
            long result = minus ? x - y - carry : x + y + carry;
            if (wide) {
              w.q[d + lane] = result;
            } else {
              w.r[d + lane] = (int) result;
            }
            long out = wide ? wideCarry(x, y, result, carry, minus) : result >>> 32 & 1;
            carries |= (int) out << lane;
          }
          if (leaves) {
            w.carry = (w.carry & ~mask) | carries;
          }
        };
  }

  private static long value(Warp w, boolean wide, int slot) {
    return wide ? w.q[slot] : w.r[slot] & LOW;
  }

  private static long wideCarry(long x, long y, long result, long carry, boolean minus) {
    int order = minus ? Long.compareUnsigned(x, y) : Long.compareUnsigned(result, x);
    return order < 0 || (order == 0 && carry != 0) ? 1 : 0;
  }

  /** The half of the product that counts, as an unsigned number. */
  private static LongBinaryOperator factor(PtxType type, boolean high) {
    boolean signed = type.isSigned();
    if (type.bytes == 8) {
      return !high ? (x, y) -> x * y : signed ? Math::multiplyHigh : Math::unsignedMultiplyHigh;
    }
    if (!high) {
      return (x, y) -> (x * y) & LOW;
    }
    return signed ? (x, y) -> ((long) (int) x * (int) y) >>> 32 : (x, y) -> (x * y) >>> 32;
  }
}
