package dev.warpwright.cuda.moe;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.warpwright.cuda.CudaTest;
import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.DeviceTensor;
import dev.warpwright.kernels.InvalidArgumentException;
import dev.warpwright.kernels.KernelDevice;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.moe.Combine;
import dev.warpwright.kernels.moe.CombineSpec;
import dev.warpwright.kernels.moe.Dispatch;
import dev.warpwright.kernels.moe.DispatchSpec;
import dev.warpwright.kernels.moe.ExpertMatmul;
import dev.warpwright.kernels.moe.ExpertMatmulSpec;
import dev.warpwright.kernels.moe.ExpertMatmulSpec.Activation;
import dev.warpwright.kernels.moe.ExpertWeights;
import dev.warpwright.kernels.moe.PreparedExperts;
import dev.warpwright.kernels.moe.Route;
import dev.warpwright.kernels.moe.RouteSpec;
import dev.warpwright.kernels.moe.RouteSpec.Scoring;
import dev.warpwright.kernels.sparse.DenseMatrix;
import dev.warpwright.testkit.CaseRandom;
import dev.warpwright.testkit.ContractTest;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Indices that the host has not seen, and so many experts that shared memory does not do. */
@CudaTest
class IndicesTest {
  /** A bad choice counts as not routed; the next synchronisation names it, once. */
  @Test
  void badChoicesAreNamed() {
    try (KernelDevice device = ContractTest.open("cuda", 1);
        DeviceTensor ids = device.allocate(DType.I32, 2, 3);
        DeviceTensor offsets = device.allocate(DType.I32, 5);
        DeviceTensor order = device.allocate(DType.I32, 6);
        DeviceTensor slots = device.allocate(DType.I32, 2, 3);
        Dispatch plan = device.moe().dispatch(DispatchSpec.of(2, 3, 4))) {
      device.copy(Tensor.wrap(new int[] {3, 0, -1, 3, 99, 1}, 2, 3), ids.tensor());
      plan.run(ids.tensor(), offsets.tensor(), order.tensor(), slots.tensor());
      InvalidArgumentException e =
          assertThrows(InvalidArgumentException.class, device::synchronize);
      assertTrue(e.getMessage().contains("ids[4] of dispatch"), e.getMessage());
      assertTrue(e.getMessage().contains("99"), e.getMessage());
      device.synchronize();
      int[] back = new int[6];
      device.copy(slots.tensor(), Tensor.wrap(back, 2, 3));
      assertArrayEquals(new int[] {2, 0, -1, 3, -1, 1}, back);
    }
  }

  @Test
  void badSlotsAreNamed() {
    float[] back = new float[1];
    try (KernelDevice device = ContractTest.open("cuda", 1);
        DeviceTensor slots = device.allocate(DType.I32, 1, 2);
        DeviceTensor y = device.allocate(DType.F32, 1, 1);
        Combine plan = device.moe().combine(new CombineSpec(1, 2, 1))) {
      device.copy(Tensor.wrap(new int[] {Integer.MAX_VALUE, 1}, 1, 2), slots.tensor());
      Tensor h = Tensor.wrap(new float[] {5, 7}, 2, 1);
      Tensor weights = Tensor.wrap(new float[] {1, 2}, 1, 2);
      plan.run(h, slots.tensor(), weights, y.tensor());
      assertThrows(InvalidArgumentException.class, device::synchronize);
      device.copy(y.tensor(), Tensor.wrap(back, 1, 1));
      assertEquals(14, back[0]);
      // A host output is waited for, so the call itself tells.
      Tensor host = Tensor.wrap(back, 1, 1);
      assertThrows(
          InvalidArgumentException.class, () -> plan.run(h, slots.tensor(), weights, host));
    }
  }

  /** The product has two arguments with indices, and tells which of them is bad. */
  @ParameterizedTest
  @CsvSource({
    "99, 0, offsets[2] of expertMatmul is 99",
    "0, 0, offsets[2] of expertMatmul is 0",
    "2, 77, order[1] of expertMatmul is 77",
    "2, -2, order[1] of expertMatmul is -2"
  })
  void badRowsAndOffsetsAreNamed(int end, int choice, String named) {
    DenseMatrix ones = new DenseMatrix(Tensor.wrap(new float[] {1}, 1, 1));
    ExpertWeights weights = ExpertWeights.plain(List.of(ones, ones));
    try (KernelDevice device = ContractTest.open("cuda", 1);
        PreparedExperts experts = device.moe().prepare(weights);
        DeviceTensor offsets = device.allocate(DType.I32, 3);
        DeviceTensor order = device.allocate(DType.I32, 2);
        DeviceTensor y = device.allocate(DType.F32, 2, 1);
        ExpertMatmul plan =
            device.moe().expertMatmul(ExpertMatmulSpec.of(2, weights, Activation.NONE, 1))) {
      device.copy(Tensor.wrap(new int[] {0, 1, end}, 3), offsets.tensor());
      device.copy(Tensor.wrap(new int[] {0, choice}, 2), order.tensor());
      Tensor x = Tensor.wrap(new float[] {5, 7}, 2, 1);
      plan.run(experts, offsets.tensor(), order.tensor(), x, y.tensor());
      // The copy waits, so it tells.
      InvalidArgumentException e =
          assertThrows(
              InvalidArgumentException.class,
              () -> device.copy(y.tensor(), Tensor.wrap(new float[2], 2, 1)));
      assertTrue(e.getMessage().contains(named), e.getMessage());
    }
  }

  @Test
  void routesManyExperts() {
    int experts = 9001;
    RouteSpec spec = new RouteSpec(3, experts, 40, Scoring.SOFTMAX, false, 1, 1, false, 1);
    Tensor logits = Tensor.wrap(new CaseRandom(5).normals(3 * experts, 3), 3, experts);
    assertArrayEquals(route("reference", spec, logits), route("cuda", spec, logits));
  }

  private static int[] route(String provider, RouteSpec spec, Tensor logits) {
    Tensor ids = Tensor.wrap(new int[3 * spec.topK()], 3, spec.topK());
    Tensor weights = Tensor.wrap(new float[3 * spec.topK()], 3, spec.topK());
    try (KernelDevice device = ContractTest.open(provider, 1);
        Route plan = device.moe().route(spec)) {
      plan.run(logits, null, ids, weights);
    }
    return ids.toInts();
  }

  @Test
  void dispatchesToManyExperts() {
    int experts = 20_000;
    int[] ids = new int[600];
    CaseRandom random = new CaseRandom(6);
    for (int f = 0; f < ids.length; f++) {
      ids[f] = random.between(0, 9) * (experts - 1) / 9;
    }
    assertArrayEquals(dispatch("reference", experts, ids), dispatch("cuda", experts, ids));
  }

  private static int[] dispatch(String provider, int experts, int[] ids) {
    DispatchSpec spec = DispatchSpec.of(ids.length, 1, experts);
    Tensor offsets = Tensor.wrap(new int[experts + 1], experts + 1);
    Tensor order = Tensor.wrap(new int[ids.length], ids.length);
    Tensor slots = Tensor.wrap(new int[ids.length], ids.length, 1);
    try (KernelDevice device = ContractTest.open(provider, 1);
        Dispatch plan = device.moe().dispatch(spec)) {
      plan.run(Tensor.wrap(ids, ids.length, 1), offsets, order, slots);
    }
    return slots.toInts();
  }
}
