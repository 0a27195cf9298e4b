package dev.warpwright.softgpu.sim;

import dev.warpwright.softgpu.sim.CodeBuilder.Register;
import dev.warpwright.softgpu.sim.Formats.Rounding;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.math.RoundingMode;

/**
 * cvt. A value travels between the source's reader and the target's writer as a long or a double.
 */
final class Conversions {
  private Conversions() {}

  static void decode(Form form) {
    String integral = form.takeAny("rni", "rzi", "rmi", "rpi");
    String rounded = form.takeAny("rn", "rz", "rm", "rp", "rna");
    Rounding rounding =
        switch (integral != null ? integral.substring(0, 2) : rounded == null ? "rn" : rounded) {
          case "rz" -> Rounding.RZ;
          case "rm" -> Rounding.RM;
          case "rp" -> Rounding.RP;
          case "rna" -> Rounding.RNA;
          default -> Rounding.RN;
        };
    boolean flush = form.take("ftz");
    boolean saturate = form.take("sat");
    boolean finite = form.take("satfinite");
    boolean relu = form.take("relu");
    PtxType to = form.type();
    PtxType from = form.type();
    form.instr.group = Instr.Group.FLOAT;
    if (isPacked(to) || isPacked(from)) {
      PackedConversions.decode(form, to, from, rounding, finite, relu);
      return;
    }
    int d = target(form, to);
    int a = source(form, from);
    boolean intoWide = width(form, 0, to) == 64;
    boolean fromWide = width(form, 1, from) == 64;
    int keep = width(form, 0, to) == 16 ? 0xffff : -1;
    boolean toFloat = to.isFloat();
    boolean fromFloat = from.isFloat();
    if (!toFloat && !fromFloat) {
      form.instr.group = Instr.Group.INTEGER;
    }
    form.instr.action =
        (w, mask) -> {
          for (int m = mask; m != 0; m &= m - 1) {
            int l = Integer.numberOfTrailingZeros(m);
            long raw = fromWide ? w.q[a + l] : w.r[a + l];
            long result;
            if (fromFloat) {
              double x = number(raw, from);
              if (flush && from == PtxType.F32) {
                x = FloatInstructions.flush((float) x);
              }
              if (toFloat) {
                x = integral == null ? x : rounding.apply(x);
                if (relu) {
                  x = Double.isNaN(x) ? x : Math.max(x, 0.0);
                }
                x = saturate ? Double.isNaN(x) ? 0 : Math.clamp(x, 0.0, 1.0) : x;
                result = encode(x, to, rounding, flush, finite);
              } else {
                result = toInteger(x, from, to, rounding);
              }
            } else if (toFloat) {
              result = fromInteger(integer(raw, from), from, to, rounding, saturate);
            } else {
              result = saturate ? clamp(integer(raw, from), from, to) : cut(integer(raw, from), to);
            }
            if (intoWide) {
              w.q[d + l] = result;
            } else {
              w.r[d + l] = (int) result & keep;
            }
          }
        };
  }

  private static boolean isPacked(PtxType type) {
    return switch (type) {
      case F16X2, BF16X2, E4M3X2, E5M2X2 -> true;
      default -> false;
    };
  }

  private static int width(Form form, int index, PtxType type) {
    Register register = form.register(form.operand(index));
    return register == null ? Math.max(2, type.bytes) * 8 : register.bits();
  }

  /** Targets and sources may be wider than their type. */
  private static int target(Form form, PtxType type) {
    Register register = form.register(form.operand(0));
    if (register == null || register.bits() < type.bytes * 8) {
      throw form.refuse("a register of at least " + type.bytes * 8 + " bits is expected");
    }
    return register.slot();
  }

  private static int source(Form form, PtxType type) {
    Register register = form.register(form.operand(1));
    if (register == null) {
      return form.source(1, type);
    }
    if (register.bits() < type.bytes * 8) {
      throw form.refuse("a register of at least " + type.bytes * 8 + " bits is expected");
    }
    return register.slot();
  }

  private static double number(long raw, PtxType type) {
    return switch (type) {
      case F16 -> Formats.half((int) raw);
      case BF16 -> Formats.brain((int) raw);
      case F64 -> Double.longBitsToDouble(raw);
      default -> Float.intBitsToFloat((int) raw);
    };
  }

  private static long encode(
      double x, PtxType type, Rounding rounding, boolean flush, boolean finite) {
    return switch (type) {
      case F64 -> Double.doubleToRawLongBits(x);
      case F32 -> {
        float narrow = Exact.narrow(x, rounding);
        yield FloatInstructions.bits(flush ? FloatInstructions.flush(narrow) : narrow);
      }
      case TF32 ->
          Double.isNaN(x)
              ? FloatInstructions.NAN
              : (long) Formats.round(x, Formats.TF32, rounding, finite) << 13;
      case F16 -> Formats.round(x, Formats.F16, rounding, finite);
      default -> Formats.round(x, Formats.BF16, rounding, finite);
    };
  }

  /** The integer of this type in the lower bits. */
  private static long integer(long raw, PtxType type) {
    return switch (type) {
      case U8 -> raw & 0xff;
      case S8 -> (byte) raw;
      case U16 -> raw & 0xffff;
      case S16 -> (short) raw;
      case U32 -> raw & 0xffffffffL;
      case S32 -> (int) raw;
      default -> raw;
    };
  }

  private static long cut(long value, PtxType type) {
    return integer(value, type);
  }

  private static BigInteger least(PtxType type) {
    return type.isSigned()
        ? BigInteger.ONE.shiftLeft(type.bytes * 8 - 1).negate()
        : BigInteger.ZERO;
  }

  private static BigInteger most(PtxType type) {
    return BigInteger.ONE
        .shiftLeft(type.bytes * 8 - (type.isSigned() ? 1 : 0))
        .subtract(BigInteger.ONE);
  }

  private static long clamp(long value, PtxType from, PtxType to) {
    BigInteger exact = from == PtxType.U64 ? Arithmetic.unsigned(value) : BigInteger.valueOf(value);
    return exact.max(least(to)).min(most(to)).longValue();
  }

  /** NaN gives 0, or the sign bit alone where a type of 64 bits takes part. */
  private static long toInteger(double x, PtxType from, PtxType to, Rounding rounding) {
    if (Double.isNaN(x)) {
      return from == PtxType.F64 || to.bytes == 8 ? 1L << (to.bytes * 8 - 1) : 0;
    }
    double whole = rounding.apply(x);
    if (Math.abs(whole) < 0x1p62) {
      long value = (long) whole;
      if (to.bytes == 8) {
        return to.isSigned() ? value : Math.max(value, 0);
      }
      long most = (1L << (to.bytes * 8 - (to.isSigned() ? 1 : 0))) - 1;
      return Math.clamp(value, to.isSigned() ? -most - 1 : 0, most);
    }
    if (Double.isInfinite(whole)) {
      return (whole > 0 ? most(to) : least(to)).longValue();
    }
    return new BigDecimal(whole).toBigInteger().max(least(to)).min(most(to)).longValue();
  }

  private static long fromInteger(
      long value, PtxType from, PtxType to, Rounding rounding, boolean saturate) {
    boolean big = from == PtxType.U64 && value < 0;
    boolean exact = !big && Math.abs(value) <= 1L << 53 && value != Long.MIN_VALUE;
    if (exact) {
      double x = saturate ? Math.clamp((double) value, 0.0, 1.0) : value;
      return encode(x, to, rounding, false, false);
    }
    BigInteger number = big ? Arithmetic.unsigned(value) : BigInteger.valueOf(value);
    // 53 bits with the rest gathered in the last one round to any narrower format as the whole
    // does.
    int excess = number.abs().bitLength() - 53;
    BigInteger magnitude = number.abs();
    BigInteger head = magnitude.shiftRight(excess);
    boolean rest = magnitude.getLowestSetBit() < excess;
    if (to == PtxType.F64) {
      return Double.doubleToRawLongBits(wholeToDouble(number, rounding));
    }
    double sticky = Math.scalb((double) (head.longValue() | (rest ? 1 : 0)), excess);
    return encode(number.signum() < 0 ? -sticky : sticky, to, rounding, false, false);
  }

  private static double wholeToDouble(BigInteger number, Rounding rounding) {
    int excess = Math.max(0, number.abs().bitLength() - 53);
    RoundingMode mode =
        switch (rounding) {
          case RN, RNA -> RoundingMode.HALF_EVEN;
          case RZ -> RoundingMode.DOWN;
          case RM -> RoundingMode.FLOOR;
          case RP -> RoundingMode.CEILING;
        };
    BigDecimal unit = new BigDecimal(BigInteger.ONE.shiftLeft(excess));
    return new BigDecimal(number).divide(unit, 0, mode).multiply(unit).doubleValue();
  }
}
