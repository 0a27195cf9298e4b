package dev.warpwright.softgpu.sim;

import dev.warpwright.softgpu.sim.Instr.Action;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.IntBinaryOperator;
import java.util.function.IntUnaryOperator;
import java.util.function.LongBinaryOperator;

/**
 * Loops over the lanes of a warp, with a copy of the class for each operation: the JIT compiler
 * inlines an operation into a loop that has seen no other. A loop that serves all operations calls
 * one for each lane, which takes several times as long as most of them.
 */
final class LaneLoops {
  private record Key(Class<?> loop, Class<?> operation) {}

  private static final Map<Key, MethodHandle> COPIES = new ConcurrentHashMap<>();

  private LaneLoops() {}

  /**
   * Makes a loop.
   *
   * @param loop one of the classes below
   * @param type of its operation
   */
  static <T> Action of(
      Class<? extends Action> loop, Class<T> type, T operation, int d, int a, int b, int c) {
    MethodHandle copy =
        COPIES.computeIfAbsent(new Key(loop, operation.getClass()), key -> copy(key.loop, type));
    try {
      return (Action) copy.invoke(operation, d, a, b, c);
    } catch (Throwable e) {
      throw new IllegalStateException(e);
    }
  }

  private static MethodHandle copy(Class<?> loop, Class<?> type) {
    String name = loop.getName().substring(loop.getPackageName().length() + 1) + ".class";
    try (InputStream in = Objects.requireNonNull(loop.getResourceAsStream(name))) {
      MethodHandles.Lookup copy =
          MethodHandles.lookup().defineHiddenClass(in.readAllBytes(), false);
      return copy.findConstructor(
          copy.lookupClass(),
          MethodType.methodType(void.class, type, int.class, int.class, int.class, int.class));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (ReflectiveOperationException e) {
      throw new IllegalStateException(e);
    }
  }

  /** One int to one. */
  static final class Int1 implements Action {
    private final IntUnaryOperator op;
    private final int d;
    private final int a;

    Int1(IntUnaryOperator op, int d, int a, int b, int c) {
      this.op = op;
      this.d = d;
      this.a = a;
    }

    @Override
    public void run(Warp w, int mask) {
      int[] r = w.r;
      for (int m = mask; m != 0; m &= m - 1) {
        int l = Integer.numberOfTrailingZeros(m);
        r[d + l] = op.applyAsInt(r[a + l]);
      }
    }
  }

  /** Two ints to one. */
  static final class Int2 implements Action {
    private final IntBinaryOperator op;
    private final int d;
    private final int a;
    private final int b;

    Int2(IntBinaryOperator op, int d, int a, int b, int c) {
      this.op = op;
      this.d = d;
      this.a = a;
      this.b = b;
    }

    @Override
    public void run(Warp w, int mask) {
      int[] r = w.r;
      if (mask == -1) {
        for (int l = 0; l < Warp.LANES; l++) {
          r[d + l] = op.applyAsInt(r[a + l], r[b + l]);
        }
        return;
      }
      for (int m = mask; m != 0; m &= m - 1) {
        int l = Integer.numberOfTrailingZeros(m);
        r[d + l] = op.applyAsInt(r[a + l], r[b + l]);
      }
    }
  }

  /** Three ints to one. */
  static final class Int3 implements Action {
    private final Lanes.Int3 op;
    private final int d;
    private final int a;
    private final int b;
    private final int c;

    Int3(Lanes.Int3 op, int d, int a, int b, int c) {
      this.op = op;
      this.d = d;
      this.a = a;
      this.b = b;
      this.c = c;
    }

    @Override
    public void run(Warp w, int mask) {
      int[] r = w.r;
      if (mask == -1) {
        for (int l = 0; l < Warp.LANES; l++) {
          r[d + l] = op.apply(r[a + l], r[b + l], r[c + l]);
        }
        return;
      }
      for (int m = mask; m != 0; m &= m - 1) {
        int l = Integer.numberOfTrailingZeros(m);
        r[d + l] = op.apply(r[a + l], r[b + l], r[c + l]);
      }
    }
  }

  /** Two longs to one. */
  static final class Long2 implements Action {
    private final LongBinaryOperator op;
    private final int d;
    private final int a;
    private final int b;

    Long2(LongBinaryOperator op, int d, int a, int b, int c) {
      this.op = op;
      this.d = d;
      this.a = a;
      this.b = b;
    }

    @Override
    public void run(Warp w, int mask) {
      long[] q = w.q;
      if (mask == -1) {
        for (int l = 0; l < Warp.LANES; l++) {
          q[d + l] = op.applyAsLong(q[a + l], q[b + l]);
        }
        return;
      }
      for (int m = mask; m != 0; m &= m - 1) {
        int l = Integer.numberOfTrailingZeros(m);
        q[d + l] = op.applyAsLong(q[a + l], q[b + l]);
      }
    }
  }
}
