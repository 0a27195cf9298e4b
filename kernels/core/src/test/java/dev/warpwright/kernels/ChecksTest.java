package dev.warpwright.kernels;

import static org.junit.jupiter.api.Assertions.assertDoesNotThrow;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.junit.jupiter.api.Test;

class ChecksTest {
  private static void overlapping(Tensor a, Tensor b) {
    assertThrows(InvalidArgumentException.class, () -> Checks.disjoint("a", a, "b", b));
    assertThrows(InvalidArgumentException.class, () -> Checks.disjoint("b", b, "a", a));
  }

  private static void disjoint(Tensor a, Tensor b) {
    assertDoesNotThrow(() -> Checks.disjoint("a", a, "b", b));
    assertDoesNotThrow(() -> Checks.disjoint("b", b, "a", a));
  }

  @Test
  void disjointOnTheHeap() {
    float[] array = new float[8];
    Tensor tensor = Tensor.wrap(array, 4, 2);
    overlapping(tensor, Tensor.wrap(array, 8));
    overlapping(tensor.slice(0, 2), tensor.slice(1, 3));
    disjoint(tensor.slice(0, 2), tensor.slice(2, 4));
    disjoint(tensor, Tensor.wrap(new float[8], 8));
    disjoint(tensor.slice(1, 1), tensor);
  }

  @Test
  void disjointInNativeMemory() {
    try (Arena arena = Arena.ofShared()) {
      MemorySegment block = arena.allocate(64);
      Tensor low = Tensor.wrap(block.asSlice(0, 32), DType.F32, 8);
      Tensor high = Tensor.wrap(block.asSlice(32, 32), DType.F32, 8);
      Tensor middle = Tensor.wrap(block.asSlice(28, 8).asReadOnly(), DType.F32, 2);
      disjoint(low, high);
      overlapping(low, middle);
      overlapping(high, middle);
      disjoint(low, Tensor.wrap(new float[8], 8));
    }
  }

  @Test
  void messagesNameArgumentValueAndWhatIsAllowed() {
    assertEquals(
        "n is 7; allowed: 1..5",
        assertThrows(InvalidArgumentException.class, () -> Checks.between("n", 7, 1, 5))
            .getMessage());
    assertEquals(
        "x.dtype is I8; allowed: F32 or F16",
        assertThrows(
                InvalidArgumentException.class,
                () -> Checks.dtype("x", DType.I8, DType.F32, DType.F16))
            .getMessage());
    assertEquals(
        "x is null; allowed: not null",
        assertThrows(InvalidArgumentException.class, () -> Checks.notNull("x", null)).getMessage());
    assertThrows(InvalidArgumentException.class, () -> Checks.multipleOf("n", 7, 4));
    assertThrows(InvalidArgumentException.class, () -> Checks.atLeast("n", 0, 1));
    assertThrows(InvalidArgumentException.class, () -> Checks.finite("n", Float.NaN));
    assertThrows(
        InvalidArgumentException.class,
        () ->
            Checks.writable(
                "n", Tensor.wrap(MemorySegment.ofArray(new float[1]).asReadOnly(), DType.F32, 1)));
  }
}
