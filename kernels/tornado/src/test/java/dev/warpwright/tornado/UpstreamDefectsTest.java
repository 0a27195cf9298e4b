package dev.warpwright.tornado;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.warpwright.kernels.DeviceException;
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

  static void sums(KernelContext context, IntArray in, IntArray out) {
    if (context.globalIdx == 0) {
      int sums = 0;
      for (int turn = 0; turn < in.get(0); turn++) {
        int sum = 0;
        if (turn == 1) {
          for (int i = 0; i < in.get(1); i++) {
            sum += 1;
          }
        } else {
          for (int i = 0; i < in.get(1); i++) {
            sum += 10;
          }
        }
        sums = sums * 100 + sum;
      }
      out.set(0, sums);
    }
  }

  /** What the second loop leaves is assigned once more behind both branches. */
  @Test
  void ofLoopsInTwoBranchesTheSecondCountsAlways() {
    IntArray in = IntArray.fromElements(2, 3);
    IntArray out = Staged.ints(1);
    int actual =
        result(
            in,
            out,
            graph -> graph.task(Program.task(0), UpstreamDefectsTest::sums, CONTEXT, in, out));
    expect(30_03, 30_30, actual, "nothing: one loop is over all types of elements");
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

  static void halve(KernelContext context, IntArray in, IntArray out) {
    if (context.globalIdx == 0) {
      int result = 0;
      if (in.get(0) / 2 < -1) {
        result = 1;
      }
      out.set(0, result);
    }
  }

  @Test
  void aNegativeNumberIsDividedByTwoDownwards() {
    IntArray in = IntArray.fromElements(-3);
    IntArray out = Staged.ints(1);
    int actual =
        result(
            in,
            out,
            graph -> graph.task(Program.task(0), UpstreamDefectsTest::halve, CONTEXT, in, out));
    expect(0, 1, actual, "nothing: kernels divide no negative numbers");
  }

  static void binary16(KernelContext context, IntArray in, IntArray out) {
    if (context.globalIdx == 0) {
      int result = 0;
      if (Float.float16ToFloat((short) in.get(0)) > 2) {
        result = 1;
      }
      out.set(0, result);
    }
  }

  /** The bits of 1 in half precision are taken for the number 15360. */
  @Test
  void theBitsOfAHalfAreTakenForANumber() {
    IntArray in = IntArray.fromElements(Float.floatToFloat16(1));
    IntArray out = Staged.ints(1);
    int actual =
        result(
            in,
            out,
            graph -> graph.task(Program.task(0), UpstreamDefectsTest::binary16, CONTEXT, in, out));
    expect(0, 1, actual, "HalfFloats.decode");
  }

  static int second(int[] numbers) {
    return numbers[1];
  }

  static void shared(KernelContext context, IntArray in, IntArray out) {
    int[] numbers = context.allocateIntLocalArray(Program.GROUP);
    numbers[context.localIdx] = in.get(0) + context.localIdx;
    context.localBarrier();
    if (context.globalIdx == 0) {
      out.set(0, second(numbers));
    }
  }

  @Test
  void aMethodReadsALocalArrayElsewhere() {
    IntArray in = IntArray.fromElements(40);
    IntArray out = Staged.ints(1);
    int actual =
        result(
            in,
            out,
            graph -> graph.task(Program.task(0), UpstreamDefectsTest::shared, CONTEXT, in, out));
    assertNotEquals(41, actual, "the defect is gone: share the dot products of attention kernels");
  }

  private static void expectNoCompilation(
      Object input, IntArray output, Consumer<TaskGraph> task, String workaround) {
    assertThrows(
        DeviceException.class,
        () -> result(input, output, task),
        "the defect is gone: simplify " + workaround);
  }

  static void bits(KernelContext context, IntArray in, IntArray out) {
    if (context.globalIdx == 0) {
      out.set(0, (int) (Float.intBitsToFloat(in.get(0) + 1) * 2));
    }
  }

  @Test
  void bitsDoNotMakeAFloat() {
    IntArray in = IntArray.fromElements(Float.floatToIntBits(1));
    IntArray out = Staged.ints(1);
    expectNoCompilation(
        in,
        out,
        graph -> graph.task(Program.task(0), UpstreamDefectsTest::bits, CONTEXT, in, out),
        "HalfFloats.decode");
  }

  static void notANumber(KernelContext context, FloatArray in, IntArray out) {
    if (context.globalIdx == 0) {
      float x = in.get(0);
      if (x > 0) {
        x = Float.NaN;
      }
      int result = 0;
      if (Float.isNaN(x)) {
        result = 1;
      }
      in.set(0, x);
      out.set(0, result);
    }
  }

  @Test
  void theConstantNaNIsNotCompiled() {
    FloatArray in = FloatArray.fromElements(1);
    IntArray out = Staged.ints(1);
    expectNoCompilation(
        in,
        out,
        graph -> graph.task(Program.task(0), UpstreamDefectsTest::notANumber, CONTEXT, in, out),
        "the square root in HalfFloats.decode");
  }
}
