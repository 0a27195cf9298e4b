package dev.warpwright.softgpu.sim;

import dev.warpwright.softgpu.sim.Instr.Action;
import java.util.function.IntBinaryOperator;
import java.util.function.IntPredicate;
import java.util.function.IntUnaryOperator;
import java.util.function.LongBinaryOperator;
import java.util.function.LongUnaryOperator;

/** Turns an operation on one lane's values into one on the active lanes of a warp. */
final class Lanes {
  private Lanes() {}

  /** Three ints to one. */
  @FunctionalInterface
  interface Int3 {
    int apply(int a, int b, int c);
  }

  /** Three longs to one. */
  @FunctionalInterface
  interface Long3 {
    long apply(long a, long b, long c);
  }

  /** Two ints to a long. */
  @FunctionalInterface
  interface Widening {
    long apply(int a, int b);
  }

  /** A long and an int to a long. */
  @FunctionalInterface
  interface Shift {
    long apply(long a, int b);
  }

  /** A long to an int. */
  @FunctionalInterface
  interface ToInt {
    int apply(long a);
  }

  /** Compares two ints. */
  @FunctionalInterface
  interface IntTest {
    boolean test(int a, int b);
  }

  /** Compares two longs. */
  @FunctionalInterface
  interface LongTest {
    boolean test(long a, long b);
  }

  static Action int1(int d, int a, IntUnaryOperator op) {
    return LaneLoops.of(LaneLoops.Int1.class, IntUnaryOperator.class, op, d, a, 0, 0);
  }

  static Action int2(int d, int a, int b, IntBinaryOperator op) {
    return LaneLoops.of(LaneLoops.Int2.class, IntBinaryOperator.class, op, d, a, b, 0);
  }

  static Action int3(int d, int a, int b, int c, Int3 op) {
    return LaneLoops.of(LaneLoops.Int3.class, Int3.class, op, d, a, b, c);
  }

  static Action long1(int d, int a, LongUnaryOperator op) {
    return (w, mask) -> {
      long[] q = w.q;
      for (int m = mask; m != 0; m &= m - 1) {
        int l = Integer.numberOfTrailingZeros(m);
        q[d + l] = op.applyAsLong(q[a + l]);
      }
    };
  }

  static Action long2(int d, int a, int b, LongBinaryOperator op) {
    return LaneLoops.of(LaneLoops.Long2.class, LongBinaryOperator.class, op, d, a, b, 0);
  }

  static Action long3(int d, int a, int b, int c, Long3 op) {
    return (w, mask) -> {
      long[] q = w.q;
      for (int m = mask; m != 0; m &= m - 1) {
        int l = Integer.numberOfTrailingZeros(m);
        q[d + l] = op.apply(q[a + l], q[b + l], q[c + l]);
      }
    };
  }

  static Action widening(int d, int a, int b, Widening op) {
    return (w, mask) -> {
      for (int m = mask; m != 0; m &= m - 1) {
        int l = Integer.numberOfTrailingZeros(m);
        w.q[d + l] = op.apply(w.r[a + l], w.r[b + l]);
      }
    };
  }

  static Action wideningAdd(int d, int a, int b, int c, Widening op) {
    return (w, mask) -> {
      for (int m = mask; m != 0; m &= m - 1) {
        int l = Integer.numberOfTrailingZeros(m);
        w.q[d + l] = op.apply(w.r[a + l], w.r[b + l]) + w.q[c + l];
      }
    };
  }

  static Action shift(int d, int a, int b, Shift op) {
    return (w, mask) -> {
      for (int m = mask; m != 0; m &= m - 1) {
        int l = Integer.numberOfTrailingZeros(m);
        w.q[d + l] = op.apply(w.q[a + l], w.r[b + l]);
      }
    };
  }

  static Action toInt(int d, int a, ToInt op) {
    return (w, mask) -> {
      for (int m = mask; m != 0; m &= m - 1) {
        int l = Integer.numberOfTrailingZeros(m);
        w.r[d + l] = op.apply(w.q[a + l]);
      }
    };
  }

  /** Lanes of a mask for which a comparison of ints holds. */
  static int testInts(Warp w, int mask, int a, int b, IntTest test) {
    int result = 0;
    for (int m = mask; m != 0; m &= m - 1) {
      int l = Integer.numberOfTrailingZeros(m);
      if (test.test(w.r[a + l], w.r[b + l])) {
        result |= 1 << l;
      }
    }
    return result;
  }

  /** Lanes of a mask for which a comparison of longs holds. */
  static int testLongs(Warp w, int mask, int a, int b, LongTest test) {
    int result = 0;
    for (int m = mask; m != 0; m &= m - 1) {
      int l = Integer.numberOfTrailingZeros(m);
      if (test.test(w.q[a + l], w.q[b + l])) {
        result |= 1 << l;
      }
    }
    return result;
  }

  /** Sets a predicate for the lanes of a mask only. */
  static void predicate(Warp w, int predicate, int mask, int values) {
    w.p[predicate] = (w.p[predicate] & ~mask) | (values & mask);
  }

  static int lanes(int mask, IntPredicate of) {
    int result = 0;
    for (int m = mask; m != 0; m &= m - 1) {
      int l = Integer.numberOfTrailingZeros(m);
      result |= of.test(l) ? 1 << l : 0;
    }
    return result;
  }
}
