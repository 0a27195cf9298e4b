package dev.warpwright.tornado;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.List;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;
import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.TaskGraph;
import uk.ac.manchester.tornado.api.types.arrays.ByteArray;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/**
 * The smallest kernels that TornadoVM compiles wrongly, and what it makes of them. A failure here
 * is good news: that defect is gone, and the workaround named with it can go too.
 */
class UpstreamDefectsTest {
  private static final KernelContext CONTEXT = new KernelContext();

  private static int result(Object input, IntArray output, Consumer<TaskGraph> task) {
    TornadoKernelDevice device = TornadoKernelDevice.open(0);
    try (device;
        Program program = new Program(device)) {
      program.run(program.add("defect", List.of(input), List.of(output), false, List.of(task)), 1);
      return output.get(0);
    }
  }

  private static void expect(int correct, int defective, int actual, String workaround) {
    assertEquals(
        defective,
        actual,
        actual == correct ? "the defect is gone: simplify " + workaround : "another wrong result");
  }

  static void atLeast(KernelContext context, FloatArray in, IntArray out) {
    if (context.globalIdx == 0) {
      int result = 0;
      if (in.get(0) >= in.get(1)) {
        result = 1;
      }
      out.set(0, result);
    }
  }

  @Test
  void nanIsAtLeastAnything() {
    FloatArray in = FloatArray.fromElements(Float.NaN, 1);
    IntArray out = Staged.ints(1);
    int actual =
        result(
            in,
            out,
            graph -> graph.task(Program.task(0), UpstreamDefectsTest::atLeast, CONTEXT, in, out));
    expect(0, 1, actual, "RouteTornado.allow");
  }

  static void better(KernelContext context, FloatArray in, IntArray out) {
    if (context.globalIdx == 0) {
      float a = in.get(0);
      float b = in.get(1);
      boolean better = a > b || (Float.isNaN(b) && !Float.isNaN(a));
      int result = 0;
      if (better) {
        result = 1;
      }
      out.set(0, result);
    }
  }

  @Test
  void anEqualityInACompoundConditionIsNegated() {
    FloatArray in = FloatArray.fromElements(Float.NaN, 1);
    IntArray out = Staged.ints(1);
    int actual =
        result(
            in,
            out,
            graph -> graph.task(Program.task(0), UpstreamDefectsTest::better, CONTEXT, in, out));
    expect(0, 1, actual, "RouteTornado.best");
  }

  static void visible(KernelContext context, IntArray in, IntArray out) {
    if (context.globalIdx == 0) {
      int result = 0;
      if (in.get(3) > 0) {
        int behind = in.get(1);
        boolean visible = true;
        if (in.get(0) == 1) {
          if (behind < 0) {
            visible = false;
          }
        }
        if (in.get(2) > -1) {
          if (behind > in.get(2)) {
            visible = false;
          }
        }
        if (visible) {
          result = 1;
        }
      }
      out.set(0, result);
    }
  }

  /** The first is negated on the way into a compound condition, and its negation forgotten. */
  @Test
  void theFirstOfTwoConditionsIsForgotten() {
    IntArray in = IntArray.fromElements(1, -5, 3, 1);
    IntArray out = Staged.ints(1);
    int actual =
        result(
            in,
            out,
            graph -> graph.task(Program.task(0), UpstreamDefectsTest::visible, CONTEXT, in, out));
    expect(0, 1, actual, "the bounds in AttentionKernel.attend");
  }

  static void difference(KernelContext context, ByteArray in, IntArray out) {
    if (context.globalIdx == 0) {
      float value = (float) ((in.get(0) & 0xff) - 128);
      int result = 1;
      if (value < 0) {
        result = -1;
      }
      out.set(0, result);
    }
  }

  @Test
  void theDifferenceOfAMaskedByteIsUnsigned() {
    ByteArray in = ByteArray.fromElements((byte) 3);
    IntArray out = Staged.ints(1);
    int actual =
        result(
            in,
            out,
            graph ->
                graph.task(Program.task(0), UpstreamDefectsTest::difference, CONTEXT, in, out));
    expect(-1, 1, actual, "the difference of floats in Dots.groups");
  }

  static void shift(KernelContext context, IntArray in, IntArray out) {
    if (context.globalIdx == 0) {
      out.set(0, in.get(0) >>> 28);
    }
  }

  @Test
  void theUnsignedShiftIsSigned() {
    IntArray in = IntArray.fromElements(-1);
    IntArray out = Staged.ints(1);
    int actual =
        result(
            in,
            out,
            graph -> graph.task(Program.task(0), UpstreamDefectsTest::shift, CONTEXT, in, out));
    expect(15, -1, actual, "the masks behind shifts in Dots.groups");
  }
}
