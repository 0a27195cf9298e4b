package dev.warpwright.testkit.reduce;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.InvalidArgumentException;
import dev.warpwright.kernels.KernelDevice;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.reduce.TreeReduce;
import dev.warpwright.kernels.reduce.TreeReduceSpec;
import dev.warpwright.kernels.reduce.TreeReduceStream;
import dev.warpwright.testkit.ContractTest;
import java.lang.foreign.Arena;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;

/** What is refused says which argument, its value and what is allowed, and changes nothing. */
class TreeReduceArgumentsTest {
  private final KernelDevice device = ContractTest.open("cpu", 1);
  private final TreeReduce reduce = device.reduce().treeReduce(TreeReduceSpec.mean(2, 3));
  private final TreeReduceStream stream =
      device.reduce().treeReduceStream(TreeReduceSpec.mean(2, 3));
  private final Tensor a = Tensor.wrap(new float[] {1, 2, 3}, 3);
  private final Tensor b = Tensor.wrap(new float[] {3, 4, 5}, 3);
  private final Tensor out = Tensor.wrap(new float[] {7, 7, 7}, 3);
  private final float[] weights = {1, 1};

  @AfterEach
  void close() {
    reduce.close();
    stream.close();
    device.close();
  }

  private void assertRefused(String message, Executable call) {
    assertEquals(message, assertThrows(InvalidArgumentException.class, call).getMessage());
    assertArrayEquals(new float[] {1, 2, 3}, a.toFloats());
    assertArrayEquals(new float[] {3, 4, 5}, b.toFloats());
    assertArrayEquals(new float[] {7, 7, 7}, out.toFloats());
  }

  @Test
  void batch() {
    Tensor shorter = Tensor.wrap(new float[2], 2);
    Tensor ints = Tensor.wrap(new int[3], 3);
    Arena arena = Arena.ofShared();
    Tensor freed = Tensor.allocate(arena, DType.F32, 3);
    arena.close();
    Tensor fixed = Tensor.wrap(out.segment().asReadOnly(), DType.F32, 3);
    assertRefused("rows.size is 1; allowed: 2..2", () -> reduce.run(List.of(a), weights, out));
    assertRefused(
        "weights.length is 1; allowed: 2..2", () -> reduce.run(List.of(a, b), new float[1], out));
    assertRefused(
        "rows[1].shape is [2]; allowed: [3]", () -> reduce.run(List.of(a, shorter), weights, out));
    assertRefused(
        "rows[0].dtype is I32; allowed: F32", () -> reduce.run(List.of(ints, b), weights, out));
    assertRefused(
        "rows[1] is in memory that was freed; allowed: a tensor in live memory",
        () -> reduce.run(List.of(a, freed), weights, out));
    assertRefused(
        "weights[1] is NaN; allowed: a finite number",
        () -> reduce.run(List.of(a, b), new float[] {1, Float.NaN}, out));
    assertRefused(
        "weights is a sum of 0.0; allowed: a sum whose reciprocal is a finite F32 number",
        () -> reduce.run(List.of(a, b), new float[] {1, -1}, out));
    assertRefused(
        "out is memory shared with rows; allowed: memory disjoint from rows",
        () -> reduce.run(List.of(a, b), weights, a));
    assertRefused(
        "out is read-only memory; allowed: writable memory",
        () -> reduce.run(List.of(a, b), weights, fixed));
    reduce.run(List.of(a, b), weights, out);
    assertArrayEquals(new float[] {2, 3, 4}, out.toFloats());
  }

  /** A refused row has not arrived, and a refused output keeps the rows that have. */
  @Test
  void stream() {
    assertRefused("slot is 2; allowed: 0..1", () -> stream.accept(2, a, 1));
    assertRefused(
        "weight is Infinity; allowed: a finite number",
        () -> stream.accept(0, a, Float.POSITIVE_INFINITY));
    stream.accept(0, a, 1);
    assertRefused(
        "slot is 0; allowed: a slot that has not arrived yet", () -> stream.accept(0, b, 1));
    assertRefused(
        "out.shape is [2]; allowed: [3]", () -> stream.finish(Tensor.wrap(new float[2], 2)));
    stream.accept(1, b, 1);
    stream.finish(out);
    assertArrayEquals(new float[] {2, 3, 4}, out.toFloats());
  }

  @Test
  void closedPlan() {
    reduce.close();
    reduce.close();
    assertEquals(
        "plan treeReduce is closed",
        assertThrows(IllegalStateException.class, () -> reduce.run(List.of(a, b), weights, out))
            .getMessage());
  }
}
