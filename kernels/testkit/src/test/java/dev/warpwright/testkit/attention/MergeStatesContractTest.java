package dev.warpwright.testkit.attention;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;

import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.KernelDevice;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.attention.MergeStates;
import dev.warpwright.kernels.attention.MergeStatesSpec;
import dev.warpwright.testkit.CaseRandom;
import dev.warpwright.testkit.ContractTest;
import dev.warpwright.testkit.MergeStatesContract;
import dev.warpwright.testkit.Refusals;
import dev.warpwright.testkit.Repeats;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@SuppressWarnings("try") // plans are closed early to see what they answer then
class MergeStatesContractTest extends ContractTest {
  private static final int DIM = 8;

  MergeStatesContractTest() {
    super(new MergeStatesContract());
  }

  @Test
  void knownAnswers() {
    // Weights 1 : 3, then one state of no keys, then none with keys.
    float none = Float.NEGATIVE_INFINITY;
    float ln3 = (float) Math.log(3);
    Tensor outs = Tensor.wrap(new float[2 * 3 * DIM], 2, 3, 1, DIM);
    for (int head = 0; head < 3; head++) {
      outs.setFloat(head * DIM, 4);
      outs.setFloat((3 + head) * DIM, 8);
    }
    Tensor lses = Tensor.wrap(new float[] {5, 7, none, 5 + ln3, none, none}, 2, 3, 1);
    Tensor out = Tensor.wrap(new float[3 * DIM], 3, 1, DIM);
    Tensor lse = Tensor.wrap(new float[3], 3, 1);
    try (KernelDevice device = open("reference", 1);
        MergeStates plan = device.attention().mergeStates(new MergeStatesSpec(2, 3, 1, DIM))) {
      plan.run(outs, lses, out, lse);
    }
    assertArrayEquals(
        new float[] {7, 4, 0},
        new float[] {out.getFloat(0), out.getFloat(DIM), out.getFloat(2 * DIM)},
        1e-6f);
    assertArrayEquals(new float[] {5 + 2 * (float) Math.log(2), 7, none}, lse.toFloats(), 1e-6f);
  }

  @Test
  void sameBitsAlways() {
    int tokens = 70;
    int heads = 3;
    int dim = 40;
    int states = 5;
    float[] values = new CaseRandom(1).normals(states * tokens * heads * dim, 1);
    float[] logs = new CaseRandom(2).normals(states * tokens * heads, 3);
    Repeats.assertSameBits(
        (device, from, to) -> {
          int count = to - from;
          Tensor outs = some(values, states, tokens, heads * dim, from, to);
          Tensor lses = some(logs, states, tokens, heads, from, to);
          Tensor out = Tensor.wrap(new float[count * heads * dim], count, heads, dim);
          try (MergeStates plan =
              device.attention().mergeStates(new MergeStatesSpec(states, tokens, heads, dim))) {
            plan.run(
                outs.reshape(states, count, heads, dim),
                lses.reshape(states, count, heads),
                out,
                null);
          }
          return out;
        },
        tokens);
  }

  /** The given tokens of each state. */
  private static Tensor some(float[] all, int states, int tokens, int width, int from, int to) {
    int count = (to - from) * width;
    float[] part = new float[states * count];
    for (int state = 0; state < states; state++) {
      System.arraycopy(all, (state * tokens + from) * width, part, state * count, count);
    }
    return Tensor.wrap(part, part.length);
  }

  @Test
  void allocatesNothing() {
    Tensor outs = Tensor.wrap(new CaseRandom(1).normals(3 * 2 * 4 * 24, 1), 3, 2, 4, 24);
    Tensor lses = Tensor.wrap(new CaseRandom(2).normals(3 * 2 * 4, 1), 3, 2, 4);
    Tensor out = Tensor.wrap(new float[2 * 4 * 24], 2, 4, 24);
    Tensor lse = Tensor.wrap(new float[2 * 4], 2, 4);
    try (KernelDevice device = open("cpu", 1);
        MergeStates plan = device.attention().mergeStates(new MergeStatesSpec(3, 2, 4, 24))) {
      Repeats.assertNoAllocation(() -> plan.run(outs, lses, out, lse));
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"reference", "cpu"})
  void refusals(String provider) {
    Tensor outs = Refusals.floats(2, 3, 1, DIM);
    Tensor lses = Refusals.floats(2, 3, 1);
    Tensor out = Refusals.floats(3, 1, DIM);
    Tensor lse = Refusals.floats(3, 1);
    Refusals all = new Refusals(outs, lses, out, lse);
    try (KernelDevice device = open(provider, 1);
        MergeStates plan = device.attention().mergeStates(new MergeStatesSpec(2, 3, 1, DIM))) {
      all.assertRefused("outs.rank", "3", "4", () -> plan.run(out, lses, out, lse));
      all.assertRefused(
          "outs.shape[1]",
          "4",
          "0..3",
          () -> plan.run(Refusals.floats(2, 4, 1, DIM), lses, out, lse));
      all.assertRefused(
          "outs.shape",
          "[1, 3, 1, 8]",
          "[2, 3, 1, 8]",
          () -> plan.run(outs.slice(0, 1), lses, out, lse));
      all.assertRefused("lses.shape", "[3, 1]", "[2, 3, 1]", () -> plan.run(outs, lse, out, lse));
      all.assertRefused(
          "out",
          "memory shared with outs",
          "memory disjoint from outs",
          () -> plan.run(outs, lses, outs.slice(0, 1).reshape(3, 1, DIM), lse));
      all.assertRefused(
          "lse",
          "memory shared with lses",
          "memory disjoint from lses",
          () -> plan.run(outs, lses, out, lses.slice(1, 2).reshape(3, 1)));
      Tensor readOnly = Tensor.wrap(out.segment().asReadOnly(), DType.F32, 3, 1, DIM);
      all.assertRefused(
          "out", "read-only memory", "writable memory", () -> plan.run(outs, lses, readOnly, lse));
      all.assertRefused("states", "0", "1..65536", () -> new MergeStatesSpec(0, 3, 1, DIM));
      all.assertRefused("headDim", "12", "a multiple of 8", () -> new MergeStatesSpec(1, 3, 1, 12));
      plan.close();
      all.assertIllegalState("plan mergeStates is closed", () -> plan.run(outs, lses, out, lse));
    }
  }
}
