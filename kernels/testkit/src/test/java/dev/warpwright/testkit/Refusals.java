package dev.warpwright.testkit;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.warpwright.kernels.InvalidArgumentException;
import dev.warpwright.kernels.Tensor;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.function.Executable;

/** Asserts that a call is refused with the right message and touches nothing. */
public final class Refusals {
  private final List<Tensor> watched;

  /** Refusals during which none of {@code watched} may change. */
  public Refusals(Tensor... watched) {
    this.watched = List.of(watched);
  }

  /** The message must name the argument, its value and what is allowed, in these words. */
  public void assertRefused(String argument, String value, String allowed, Executable call) {
    List<byte[]> before = bytes();
    InvalidArgumentException refusal = assertThrows(InvalidArgumentException.class, call);
    assertEquals(argument + " is " + value + "; allowed: " + allowed, refusal.getMessage());
    assertUnchanged(before);
  }

  /** The state of a plan or device does not allow the call. */
  public void assertIllegalState(String message, Executable call) {
    List<byte[]> before = bytes();
    assertEquals(message, assertThrows(IllegalStateException.class, call).getMessage());
    assertUnchanged(before);
  }

  private List<byte[]> bytes() {
    return watched.stream().map(t -> t.segment().toArray(ValueLayout.JAVA_BYTE)).toList();
  }

  private void assertUnchanged(List<byte[]> before) {
    for (int i = 0; i < before.size(); i++) {
      byte[] now = watched.get(i).segment().toArray(ValueLayout.JAVA_BYTE);
      assertArrayEquals(before.get(i), now, "changed: " + watched.get(i));
    }
  }

  /** An F32 tensor full of sevens. */
  public static Tensor floats(long... shape) {
    float[] values = new float[(int) Arrays.stream(shape).reduce(1, (a, b) -> a * b)];
    Arrays.fill(values, 7);
    return Tensor.wrap(values, shape);
  }

  /** An I32 tensor. */
  public static Tensor ints(int[] values, long... shape) {
    return Tensor.wrap(values, shape);
  }
}
