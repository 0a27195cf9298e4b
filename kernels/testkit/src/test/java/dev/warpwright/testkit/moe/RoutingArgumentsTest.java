package dev.warpwright.testkit.moe;

import static dev.warpwright.testkit.Refusals.floats;
import static dev.warpwright.testkit.Refusals.ints;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.KernelDevice;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.moe.Combine;
import dev.warpwright.kernels.moe.CombineSpec;
import dev.warpwright.kernels.moe.Dispatch;
import dev.warpwright.kernels.moe.DispatchSpec;
import dev.warpwright.kernels.moe.Route;
import dev.warpwright.kernels.moe.RouteSpec;
import dev.warpwright.testkit.ContractTest;
import dev.warpwright.testkit.Refusals;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What route, dispatch and combine refuse: before anything is written, saying what and why. */
@SuppressWarnings("try") // resources are closed early to see that they refuse then
class RoutingArgumentsTest {
  @ParameterizedTest
  @ValueSource(strings = {"reference", "cpu"})
  void route(String provider) {
    Tensor logits = floats(2, 8);
    Tensor bias = floats(8);
    Tensor ids = ints(new int[4], 2, 2);
    Tensor weights = floats(2, 2);
    Refusals refusals = new Refusals(logits, bias, ids, weights);
    try (KernelDevice device = ContractTest.open(provider, 1);
        Route plain = device.moe().route(RouteSpec.mixtral(2, 8, 2));
        Route biased = device.moe().route(RouteSpec.deepSeek(2, 8, 2, 2, 1, 1))) {
      refusals.assertRefused("logits.rank", "1", "2", () -> plain.run(bias, null, ids, weights));
      refusals.assertRefused(
          "logits.shape[0]", "3", "0..2", () -> plain.run(floats(3, 8), null, ids, weights));
      refusals.assertRefused(
          "logits.shape", "[2, 7]", "[2, 8]", () -> plain.run(floats(2, 7), null, ids, weights));
      refusals.assertRefused(
          "logits.dtype", "I32", "F32", () -> plain.run(ids, null, ids, weights));
      refusals.assertRefused(
          "bias",
          "present",
          "null: the plan is not biased",
          () -> plain.run(logits, bias, ids, weights));
      refusals.assertRefused(
          "bias", "null", "not null", () -> biased.run(logits, null, ids, weights));
      refusals.assertRefused(
          "bias.shape", "[7]", "[8]", () -> biased.run(logits, floats(7), ids, weights));
      refusals.assertRefused(
          "ids.dtype", "F32", "I32", () -> plain.run(logits, null, weights, weights));
      refusals.assertRefused(
          "ids.shape",
          "[2, 3]",
          "[2, 2]",
          () -> plain.run(logits, null, ints(new int[6], 2, 3), weights));
      refusals.assertRefused(
          "weights.shape", "[1, 2]", "[2, 2]", () -> plain.run(logits, null, ids, floats(1, 2)));
      refusals.assertRefused(
          "weights",
          "memory shared with logits",
          "memory disjoint from logits",
          () -> plain.run(logits, null, ids, logits.reshape(8, 2).slice(6, 8)));
      Tensor readOnly = Tensor.wrap(weights.segment().asReadOnly(), DType.F32, 2, 2);
      refusals.assertRefused(
          "weights",
          "read-only memory",
          "writable memory",
          () -> plain.run(logits, null, ids, readOnly));
      refusals.assertRefused(
          "logits",
          "in memory that was freed",
          "a tensor in live memory",
          () -> plain.run(freed(2, 8), null, ids, weights));
      plain.close();
      plain.close();
      refusals.assertIllegalState(
          "plan route is closed", () -> plain.run(logits, null, ids, weights));
      device.close();
      refusals.assertIllegalState(
          "device " + device.place() + " is closed", () -> biased.run(logits, bias, ids, weights));
      refusals.assertIllegalState(
          "device " + device.place() + " is closed",
          () -> device.moe().route(RouteSpec.mixtral(2, 8, 2)));
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"reference", "cpu"})
  void dispatch(String provider) {
    Tensor ids = ints(new int[] {0, 3, -1, 2}, 2, 2);
    Tensor offsets = ints(new int[5], 5);
    Tensor order = ints(new int[4], 4);
    Tensor slots = ints(new int[4], 2, 2);
    Refusals refusals = new Refusals(ids, offsets, order, slots);
    try (KernelDevice device = ContractTest.open(provider, 1);
        Dispatch plan = device.moe().dispatch(DispatchSpec.of(2, 2, 4))) {
      refusals.assertRefused(
          "ids[1][0]",
          "4",
          "-1..3",
          () -> plan.run(ints(new int[] {0, 3, 4, 2}, 2, 2), offsets, order, slots));
      refusals.assertRefused(
          "ids[0][1]",
          "-2",
          "-1..3",
          () -> plan.run(ints(new int[] {0, -2, 4, 2}, 2, 2), offsets, order, slots));
      refusals.assertRefused(
          "ids.shape[0]",
          "3",
          "0..2",
          () -> plan.run(ints(new int[6], 3, 2), offsets, order, slots));
      refusals.assertRefused(
          "offsets.shape", "[4]", "[5]", () -> plan.run(ids, order, order, slots));
      refusals.assertRefused(
          "order.shape", "[5]", "[4]", () -> plan.run(ids, offsets, offsets, slots));
      refusals.assertRefused(
          "slots",
          "memory shared with ids",
          "memory disjoint from ids",
          () -> plan.run(ids, offsets, order, ids));
      refusals.assertRefused(
          "slots",
          "memory shared with order",
          "memory disjoint from order",
          () -> plan.run(ids, offsets, order, order.reshape(2, 2)));
      plan.close();
      refusals.assertIllegalState(
          "plan dispatch is closed", () -> plan.run(ids, offsets, order, slots));
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"reference", "cpu"})
  void combine(String provider) {
    Tensor h = floats(4, 3);
    Tensor slots = ints(new int[] {0, 3, -1, 2}, 2, 2);
    Tensor weights = floats(2, 2);
    Tensor y = floats(2, 3);
    Refusals refusals = new Refusals(h, slots, weights, y);
    try (KernelDevice device = ContractTest.open(provider, 1);
        Combine plan = device.moe().combine(new CombineSpec(2, 2, 3))) {
      refusals.assertRefused(
          "slots[0][1]",
          "4",
          "-1..3",
          () -> plan.run(h, ints(new int[] {0, 4, -1, 2}, 2, 2), weights, y));
      refusals.assertRefused(
          "slots[1][1]",
          "-2",
          "-1..3",
          () -> plan.run(h, ints(new int[] {0, 3, -1, -2}, 2, 2), weights, y));
      refusals.assertRefused(
          "h.shape", "[4, 2]", "[4, 3]", () -> plan.run(floats(4, 2), slots, weights, y));
      refusals.assertRefused(
          "h.shape[0]", "5", "0..4", () -> plan.run(floats(5, 3), slots, weights, y));
      refusals.assertRefused(
          "y.shape[0]", "3", "0..2", () -> plan.run(h, slots, weights, floats(3, 3)));
      refusals.assertRefused(
          "weights.shape", "[2, 3]", "[2, 2]", () -> plan.run(h, slots, floats(2, 3), y));
      refusals.assertRefused(
          "y",
          "memory shared with h",
          "memory disjoint from h",
          () -> plan.run(h, slots, weights, h.slice(1, 3)));
      plan.close();
      refusals.assertIllegalState("plan combine is closed", () -> plan.run(h, slots, weights, y));
    }
  }

  @Test
  void specs() {
    Refusals refusals = new Refusals();
    refusals.assertRefused("topK", "9", "1..8", () -> RouteSpec.mixtral(1, 8, 9));
    refusals.assertRefused("topK", "5", "1..4", () -> RouteSpec.deepSeek(1, 8, 5, 2, 1, 1));
    refusals.assertRefused(
        "experts", "8", "a multiple of 3", () -> RouteSpec.deepSeek(1, 8, 2, 3, 1, 1));
    refusals.assertRefused("keptGroups", "3", "1..2", () -> RouteSpec.deepSeek(1, 8, 2, 2, 3, 1));
    refusals.assertRefused(
        "scale", "NaN", "a finite number", () -> RouteSpec.deepSeek(1, 8, 2, 2, 1, Float.NaN));
    refusals.assertRefused("tile", "0", "1..1024", () -> new DispatchSpec(1, 1, 1, 0, 0));
    refusals.assertRefused(
        "capacity", "-1", "0..2147483647", () -> new DispatchSpec(1, 1, 1, 1, -1));
    refusals.assertRefused(
        "maxTokens·topK", "4294967296", "1..2147483647", () -> DispatchSpec.of(1 << 30, 4, 1));
    refusals.assertRefused("columns", "0", "1..2147483647", () -> new CombineSpec(1, 1, 0));
    assertEquals(Integer.MAX_VALUE, new CombineSpec(1 << 30, 4, 1).maxSlots());
    assertEquals(4 * 2 + 3 * 7, new DispatchSpec(4, 2, 3, 8, 0).slots(4));
  }

  private static Tensor freed(long... shape) {
    try (Arena arena = Arena.ofShared()) {
      MemorySegment segment = arena.allocate(4 * shape[0] * shape[1], 4);
      return Tensor.wrap(segment, DType.F32, shape);
    }
  }
}
