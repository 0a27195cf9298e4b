package dev.warpwright.tornado.attention;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.FloatFormats;
import dev.warpwright.kernels.KernelDevice;
import dev.warpwright.testkit.ContractTest;
import dev.warpwright.tornado.Program;
import dev.warpwright.tornado.Staged;
import dev.warpwright.tornado.TornadoKernelDevice;
import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.types.arrays.ByteArray;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.ShortArray;

/** All numbers of the narrow types, on a device. */
class ElementsTest {
  private static final KernelContext CONTEXT = new KernelContext();

  static void getAll(
      KernelContext context,
      int type,
      FloatArray floats,
      ShortArray shorts,
      ByteArray bytes,
      FloatArray result) {
    int i = context.globalIdx;
    result.set(i, Elements.get(type, floats, shorts, bytes, i));
  }

  static void setAll(
      KernelContext context,
      int type,
      FloatArray elements,
      FloatArray floats,
      ShortArray shorts,
      ByteArray bytes) {
    int i = context.globalIdx;
    Elements.set(type, floats, shorts, bytes, i, elements.get(i));
  }

  private static int count(DType dtype) {
    return 1 << (8 * dtype.bytes());
  }

  /** The number of some bits. */
  private static float number(DType dtype, int bits) {
    return switch (dtype) {
      case F16 -> Float.float16ToFloat((short) bits);
      case BF16 -> FloatFormats.bf16ToFloat((short) bits);
      case I8 -> (byte) bits;
      default -> FloatFormats.f8e4m3ToFloat((byte) bits);
    };
  }

  /** The nearest number of the type. */
  private static float rounded(DType dtype, float x) {
    return switch (dtype) {
      case F16 -> Float.float16ToFloat(Float.floatToFloat16(x));
      case BF16 -> FloatFormats.bf16ToFloat(FloatFormats.floatToBf16(x));
      // An integer has no sign of its own if it is 0.
      case I8 -> (byte) Math.clamp(Math.rint(x), -127, 127);
      default -> FloatFormats.f8e4m3ToFloat(FloatFormats.floatToF8e4m3(x));
    };
  }

  private static void put(Vectors all, int at, int bits) {
    all.shorts.set(Math.min(at, all.shorts.getSize() - 1), (short) bits);
    all.bytes.set(Math.min(at, all.bytes.getSize() - 1), (byte) bits);
  }

  private static int bits(Vectors all, DType dtype, int at) {
    return dtype.bytes() == Byte.BYTES ? all.bytes.get(at) : all.shorts.get(at);
  }

  @ParameterizedTest
  @EnumSource(names = {"F16", "BF16", "I8", "F8E4M3"})
  void everyNumberIsRead(DType dtype) {
    int count = count(dtype);
    Vectors all = new Vectors(dtype, count);
    for (int i = 0; i < count; i++) {
      put(all, i, i);
    }
    FloatArray result = Staged.floats(count);
    try (KernelDevice device = ContractTest.open("tornado", 1);
        Program program = new Program((TornadoKernelDevice) device)) {
      program.run(
          program.add(
              "getAll",
              all.arrays(),
              List.of(result),
              false,
              List.of(
                  graph ->
                      graph.task(
                          Program.task(0),
                          ElementsTest::getAll,
                          CONTEXT,
                          Elements.type(dtype),
                          all.floats,
                          all.shorts,
                          all.bytes,
                          result))),
          Staged.groups(count));
    }
    for (int i = 0; i < count; i++) {
      assertEquals(
          Float.floatToIntBits(number(dtype, i)),
          Float.floatToIntBits(result.get(i)),
          dtype + " " + i);
    }
  }

  /** Each number, the middle between it and the next, and what is one unit beside the middle. */
  @ParameterizedTest
  @EnumSource(names = {"F16", "BF16", "I8", "F8E4M3"})
  void everyFloatIsRoundedToTheNearestNumber(DType dtype) {
    int count = count(dtype);
    FloatArray elements = Staged.floats(4 * count);
    for (int i = 0; i < count; i++) {
      float number = number(dtype, i);
      float next = number(dtype, (i + 1) % count);
      float middle = (float) (((double) number + next) / 2);
      if (Float.isInfinite(next)) {
        // Half a step beyond the largest number.
        middle = number + (number - number(dtype, i - 1)) / 2;
      }
      elements.set(4 * i, number);
      elements.set(4 * i + 1, middle);
      elements.set(4 * i + 2, Math.nextUp(middle));
      elements.set(4 * i + 3, Math.nextDown(middle));
    }
    Vectors all = new Vectors(dtype, 4 * count);
    try (KernelDevice device = ContractTest.open("tornado", 1);
        Program program = new Program((TornadoKernelDevice) device)) {
      program.run(
          program.add(
              "setAll",
              List.of(elements),
              all.arrays(),
              false,
              List.of(
                  graph ->
                      graph.task(
                          Program.task(0),
                          ElementsTest::setAll,
                          CONTEXT,
                          Elements.type(dtype),
                          elements,
                          all.floats,
                          all.shorts,
                          all.bytes))),
          Staged.groups(4 * count));
    }
    for (int i = 0; i < 4 * count; i++) {
      float expected = rounded(dtype, elements.get(i));
      float actual = number(dtype, bits(all, dtype, i));
      assertEquals(
          Float.floatToIntBits(expected),
          Float.floatToIntBits(actual),
          dtype + " of " + elements.get(i));
    }
  }
}
