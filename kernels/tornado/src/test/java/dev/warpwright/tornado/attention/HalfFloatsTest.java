package dev.warpwright.tornado.attention;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.warpwright.kernels.KernelDevice;
import dev.warpwright.testkit.ContractTest;
import dev.warpwright.tornado.Program;
import dev.warpwright.tornado.Staged;
import dev.warpwright.tornado.TornadoKernelDevice;
import java.util.List;
import org.junit.jupiter.api.Test;
import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.ShortArray;

/** All numbers of half precision, on a device. */
class HalfFloatsTest {
  private static final int ALL = 1 << 16;
  private static final KernelContext CONTEXT = new KernelContext();

  static void decodeAll(KernelContext context, ShortArray halves, FloatArray floats) {
    int i = context.globalIdx;
    floats.set(i, HalfFloats.decode(halves.get(i)));
  }

  static void encodeAll(KernelContext context, FloatArray floats, ShortArray halves) {
    int i = context.globalIdx;
    halves.set(i, (short) HalfFloats.encode(floats.get(i)));
  }

  @Test
  void everyHalfIsRead() {
    ShortArray halves = Staged.shorts(ALL);
    FloatArray floats = Staged.floats(ALL);
    for (int i = 0; i < ALL; i++) {
      halves.set(i, (short) i);
    }
    try (KernelDevice device = ContractTest.open("tornado", 1);
        Program program = new Program((TornadoKernelDevice) device)) {
      program.run(
          program.add(
              "decodeAll",
              List.of(halves),
              List.of(floats),
              false,
              List.of(
                  graph ->
                      graph.task(
                          Program.task(0), HalfFloatsTest::decodeAll, CONTEXT, halves, floats))),
          Staged.groups(ALL));
    }
    for (int i = 0; i < ALL; i++) {
      float expected = Float.float16ToFloat((short) i);
      assertEquals(
          Float.floatToIntBits(expected), Float.floatToIntBits(floats.get(i)), "half " + i);
    }
  }

  /** Each half, the middle between it and the next, and what is one unit beside the middle. */
  @Test
  void everyFloatIsRoundedToTheNearestHalf() {
    FloatArray floats = Staged.floats(4 * ALL);
    ShortArray halves = Staged.shorts(4 * ALL);
    for (int i = 0; i < ALL; i++) {
      float half = Float.float16ToFloat((short) i);
      float next = Float.float16ToFloat((short) (i + 1));
      float middle = Float.isInfinite(next) ? Math.copySign(65520f, next) : (half + next) / 2;
      floats.set(4 * i, half);
      floats.set(4 * i + 1, middle);
      floats.set(4 * i + 2, Math.nextUp(middle));
      floats.set(4 * i + 3, Math.nextDown(middle));
    }
    try (KernelDevice device = ContractTest.open("tornado", 1);
        Program program = new Program((TornadoKernelDevice) device)) {
      program.run(
          program.add(
              "encodeAll",
              List.of(floats),
              List.of(halves),
              false,
              List.of(
                  graph ->
                      graph.task(
                          Program.task(0), HalfFloatsTest::encodeAll, CONTEXT, floats, halves))),
          Staged.groups(4 * ALL));
    }
    for (int i = 0; i < 4 * ALL; i++) {
      float x = floats.get(i);
      float expected = Float.float16ToFloat(Float.floatToFloat16(x));
      float actual = Float.float16ToFloat(halves.get(i));
      assertEquals(Float.floatToIntBits(expected), Float.floatToIntBits(actual), "of " + x);
    }
  }
}
