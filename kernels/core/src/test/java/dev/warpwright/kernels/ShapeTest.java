package dev.warpwright.kernels;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

class ShapeTest {
  @Test
  void elements() {
    assertEquals(1, Shape.of().elements());
    assertEquals(24, Shape.of(2, 3, 4).elements());
    assertEquals(0, Shape.of(2, 0, 4).elements());
    assertEquals(Long.MAX_VALUE, Shape.of(Long.MAX_VALUE, 1).elements());
  }

  @Test
  void overflow() {
    assertThrows(InvalidArgumentException.class, () -> Shape.of(1L << 32, 1L << 31));
    assertThrows(InvalidArgumentException.class, () -> Shape.of(Long.MAX_VALUE, 2));
    // A zero must not hide it.
    assertThrows(InvalidArgumentException.class, () -> Shape.of(0, Long.MAX_VALUE, 2));
    assertThrows(InvalidArgumentException.class, () -> Shape.of(1, -1));
    assertThrows(
        InvalidArgumentException.class,
        () -> Tensor.wrap(new float[1], Long.MAX_VALUE / 2)); // fits as elements, not as bytes
  }

  @Test
  void isAValue() {
    long[] sizes = {2, 3};
    Shape shape = Shape.of(sizes);
    sizes[0] = 5;
    assertEquals(Shape.of(2, 3), shape);
    assertEquals(Shape.of(2, 3).hashCode(), shape.hashCode());
    assertTrue(shape.is(2, 3));
    assertFalse(shape.is(2));
    assertFalse(shape.is(3, 2));
    assertEquals("[2, 3]", shape.toString());
  }
}
