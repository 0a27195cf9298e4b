package dev.warpwright.testkit.moe;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;

import dev.warpwright.kernels.KernelDevice;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.moe.Dispatch;
import dev.warpwright.kernels.moe.DispatchSpec;
import dev.warpwright.testkit.ContractTest;
import dev.warpwright.testkit.DispatchContract;
import dev.warpwright.testkit.Repeats;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class DispatchContractTest extends ContractTest {
  DispatchContractTest() {
    super(new DispatchContract());
  }

  @ParameterizedTest
  @ValueSource(strings = {"reference", "cpu"})
  void groupsByExpertInOrderOfChoices(String provider) {
    assertDispatch(
        provider,
        DispatchSpec.of(3, 2, 3),
        new int[] {2, 0, 0, -1, 2, 0},
        new int[] {0, 3, 3, 5},
        new int[] {1, 2, 5, 0, 4, -1},
        new int[] {3, 0, 1, -1, 4, 2});
  }

  /** Expert 0 takes two of its three choices; both used segments are padded to four slots. */
  @ParameterizedTest
  @ValueSource(strings = {"reference", "cpu"})
  void dropsBehindCapacityAndPadsToTiles(String provider) {
    assertDispatch(
        provider,
        new DispatchSpec(3, 2, 3, 4, 2),
        new int[] {2, 0, 0, -1, 2, 0},
        new int[] {0, 4, 4, 8},
        new int[] {1, 2, -1, -1, 0, 4, -1, -1, -1, -1, -1, -1, -1, -1, -1},
        new int[] {4, 0, 1, -1, 5, -1});
  }

  @Test
  void runAllocatesNothing() {
    DispatchSpec spec = new DispatchSpec(2, 2, 8, 4, 0);
    Tensor ids = Tensor.wrap(new int[] {7, 0, 3, 7}, 2, 2);
    Tensor offsets = Tensor.wrap(new int[9], 9);
    Tensor order = Tensor.wrap(new int[spec.slots(2)], spec.slots(2));
    Tensor slots = Tensor.wrap(new int[4], 2, 2);
    try (KernelDevice device = open("cpu", 1);
        Dispatch dispatch = device.moe().dispatch(spec)) {
      Repeats.assertNoAllocation(() -> dispatch.run(ids, offsets, order, slots));
    }
  }

  private static void assertDispatch(
      String provider,
      DispatchSpec spec,
      int[] ids,
      int[] expectedOffsets,
      int[] expectedOrder,
      int[] expectedSlots) {
    int tokens = ids.length / spec.topK();
    Tensor offsets = Tensor.wrap(new int[spec.experts() + 1], spec.experts() + 1);
    Tensor order = Tensor.wrap(new int[spec.slots(tokens)], spec.slots(tokens));
    Tensor slots = Tensor.wrap(new int[ids.length], tokens, spec.topK());
    try (KernelDevice device = open(provider, 1);
        Dispatch dispatch = device.moe().dispatch(spec)) {
      dispatch.run(Tensor.wrap(ids, tokens, spec.topK()), offsets, order, slots);
    }
    assertArrayEquals(expectedOffsets, offsets.toInts());
    assertArrayEquals(expectedOrder, order.toInts());
    assertArrayEquals(expectedSlots, slots.toInts());
  }
}
