package dev.warpwright.softgpu.sim;

import dev.warpwright.softgpu.sim.OpHarness.Kind;
import dev.warpwright.softgpu.sim.OpHarness.Reference;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.math.RoundingMode;
import java.util.ArrayList;
import java.util.List;

/** Instructions with what they compute, and the ways in which that is said. */
abstract class InstructionCases {
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

  static final long LOW = 0xffffffffL;
  private static final int NAN = 0x7fffffff;

  private final List<Case> cases = new ArrayList<>();

  List<Case> cases() {
    return cases;
  }

  final void bits(String ptx, Reference reference) {
    cases.add(new Case(ptx, Kind.BITS, reference));
  }

  /** The lower 32 bits count. */
  final void word(String ptx, Reference reference) {
    bits(ptx, (a, b, c) -> reference.of(a, b, c) & LOW);
  }

  final void half(String ptx, Reference reference) {
    bits(ptx, (a, b, c) -> reference.of(a, b, c) & 0xffff);
  }

  final void f32(String ptx, Reference reference) {
    cases.add(new Case(ptx, Kind.F32, reference));
  }

  final void f64(String ptx, Reference reference) {
    cases.add(new Case(ptx, Kind.F64, reference));
  }

  static float f(long bits) {
    return Float.intBitsToFloat((int) bits);
  }

  static double d(long bits) {
    return Double.longBitsToDouble(bits);
  }

  static long out(float x) {
    return (Float.isNaN(x) ? NAN : Float.floatToRawIntBits(x)) & LOW;
  }

  static long out(double x) {
    return Double.doubleToLongBits(x);
  }

  static BigInteger unsigned(long x) {
    return new BigInteger(Long.toUnsignedString(x));
  }

  /** A number as the nearest float in a direction, by decimal arithmetic; NaN where not finite. */
  static float directed(BigDecimal exact, RoundingMode mode) {
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

  /** A product that vanished keeps its sign. */
  static long signed(float x, boolean negative) {
    return out(x == 0 ? negative ? -0f : 0f : x);
  }
}
