package dev.warpwright.kernels;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class TensorConversionTest {
  private static final int COUNT = 10_007;

  @ParameterizedTest
  @EnumSource(names = {"F32", "F16", "BF16", "F8E4M3", "F64"})
  void agreesWithSingleElements(DType from) {
    try (Arena arena = Arena.ofShared()) {
      for (DType to : DType.values()) {
        if (!to.isFloat() || (from == DType.F64 && to.bytes() < 4)) {
          continue;
        }
        Tensor source = Tensor.allocate(arena, from, COUNT);
        for (long i = 0; i < source.bytes(); i++) {
          source.segment().set(ValueLayout.JAVA_BYTE, i, (byte) ((i * 7919) >> 3));
        }
        Tensor expected = Tensor.allocate(arena, to, COUNT);
        for (int i = 0; i < COUNT; i++) {
          if (from == to) {
            expected.segment().copyFrom(source.segment());
          } else {
            expected.setFloat(i, source.getFloat(i));
          }
        }
        Tensor actual = Tensor.allocate(arena, to, COUNT);
        TensorConversion.convert(source, actual);
        for (int i = 0; i < COUNT; i++) {
          assertEquals(expected.getFloat(i), actual.getFloat(i), from + " to " + to + " at " + i);
        }
      }
    }
  }

  @Test
  void refusesWhatWouldRoundTwiceOrOverlap() {
    Tensor doubles = Tensor.wrap(new double[4], 2, 2);
    Tensor halves = Tensor.wrap(new short[4], DType.F16, 2, 2);
    Tensor flat = Tensor.wrap(new float[4], 4);
    Tensor ints = Tensor.wrap(new int[4], 2, 2);
    assertEquals(
        "to.dtype is F16; allowed: F64 or F32",
        assertThrows(
                InvalidArgumentException.class, () -> TensorConversion.convert(doubles, halves))
            .getMessage());
    assertEquals(
        "to.shape is [4]; allowed: [2, 2]",
        assertThrows(InvalidArgumentException.class, () -> TensorConversion.convert(halves, flat))
            .getMessage());
    assertThrows(InvalidArgumentException.class, () -> TensorConversion.convert(ints, halves));
    assertThrows(InvalidArgumentException.class, () -> TensorConversion.convert(flat, flat));
  }
}
