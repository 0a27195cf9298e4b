package dev.warpwright.cuda;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.DeviceException;
import dev.warpwright.kernels.DeviceTensor;
import dev.warpwright.kernels.InvalidArgumentException;
import dev.warpwright.kernels.OpenOptions;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.attention.RmsNorm;
import dev.warpwright.kernels.attention.RmsNormSpec;
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
import dev.warpwright.kernels.reduce.TreeReduce;
import dev.warpwright.kernels.reduce.TreeReduceSpec;
import dev.warpwright.kernels.sparse.Grouping;
import dev.warpwright.kernels.sparse.MatrixProduct;
import dev.warpwright.kernels.sparse.MatrixProductSpec;
import dev.warpwright.kernels.sparse.PreparedMatrix;
import dev.warpwright.kernels.sparse.WeightFormat;
import dev.warpwright.kernels.sparse.WeightMatrix;
import dev.warpwright.softgpu.CudaResult;
import dev.warpwright.softgpu.SoftGpu;
import dev.warpwright.testkit.CaseRandom;
import dev.warpwright.testkit.CaseWeights;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The layer of a mixture of experts, captured once. */
@CudaTest
class CapturedRunsTest {
  private static final int TOKENS = 3;
  private static final int WIDTH = 96;
  private static final int EXPERTS = 4;
  private static final int TOP = 2;

  private final CaseRandom random = new CaseRandom(7);

  private static CudaKernelDevice open() {
    return (CudaKernelDevice) new CudaProvider().open(OpenOptions.defaults());
  }

  private WeightMatrix weights(int rows) {
    return CaseWeights.matrix(random, rows, WIDTH, new WeightFormat.Quant(Grouping.w4(32)));
  }

  @Test
  void aStepIsReplayedWithOtherData(SoftGpu gpu) {
    WeightMatrix w = weights(EXPERTS);
    ExpertWeights experts =
        ExpertWeights.plain(Stream.generate(() -> weights(WIDTH)).limit(EXPERTS).toList());
    try (CudaKernelDevice device = open();
        DeviceTensor x = device.allocate(DType.F32, TOKENS, WIDTH);
        DeviceTensor scale = device.allocate(DType.F32, WIDTH);
        DeviceTensor normal = device.allocate(DType.F32, TOKENS, WIDTH);
        DeviceTensor logits = device.allocate(DType.F32, TOKENS, EXPERTS);
        DeviceTensor ids = device.allocate(DType.I32, TOKENS, TOP);
        DeviceTensor factors = device.allocate(DType.F32, TOKENS, TOP);
        DeviceTensor offsets = device.allocate(DType.I32, EXPERTS + 1);
        DeviceTensor order = device.allocate(DType.I32, TOKENS * TOP);
        DeviceTensor slots = device.allocate(DType.I32, TOKENS, TOP);
        DeviceTensor h = device.allocate(DType.F32, TOKENS * TOP, WIDTH);
        DeviceTensor y = device.allocate(DType.F32, TOKENS, WIDTH);
        PreparedMatrix router = device.sparse().prepare(w);
        PreparedExperts prepared = device.moe().prepare(experts);
        RmsNorm norm = device.attention().rmsNorm(new RmsNormSpec(TOKENS, WIDTH, 1));
        MatrixProduct product = device.sparse().product(MatrixProductSpec.of(TOKENS, w));
        Route route = device.moe().route(RouteSpec.mixtral(TOKENS, EXPERTS, TOP));
        Dispatch dispatch = device.moe().dispatch(DispatchSpec.of(TOKENS, TOP, EXPERTS));
        ExpertMatmul multiply =
            device
                .moe()
                .expertMatmul(ExpertMatmulSpec.of(TOKENS * TOP, experts, Activation.NONE, TOP));
        Combine combine = device.moe().combine(new CombineSpec(TOKENS, TOP, WIDTH))) {
      Runnable step =
          () -> {
            norm.run(x.tensor(), scale.tensor(), normal.tensor());
            product.run(router, normal.tensor(), logits.tensor());
            route.run(logits.tensor(), null, ids.tensor(), factors.tensor());
            dispatch.run(ids.tensor(), offsets.tensor(), order.tensor(), slots.tensor());
            multiply.run(prepared, offsets.tensor(), order.tensor(), normal.tensor(), h.tensor());
            combine.run(h.tensor(), slots.tensor(), factors.tensor(), y.tensor());
          };
      device.copy(Tensor.wrap(random.normals(WIDTH, 1), WIDTH), scale.tensor());
      device.synchronize();
      final int launched = gpu.launches().size();
      try (CapturedRuns captured = device.capture(step)) {
        assertEquals(launched, gpu.launches().size(), "nothing runs while it is captured");
        final long allocated = gpu.faults().calls("cuMemAlloc_v2");
        float[] last = new float[TOKENS * WIDTH];
        for (int round = 0; round < 3; round++) {
          Tensor values = Tensor.wrap(random.normals(TOKENS * WIDTH, 1), TOKENS, WIDTH);
          device.copy(values, x.tensor());
          captured.run();
          float[] replayed = result(device, y);
          device.copy(Tensor.wrap(new float[TOKENS * WIDTH], TOKENS, WIDTH), y.tensor());
          step.run();
          assertArrayEquals(result(device, y), replayed);
          assertNotEquals(List.of(last[0], last[1]), List.of(replayed[0], replayed[1]));
          last = replayed;
        }
        assertEquals(allocated, gpu.faults().calls("cuMemAlloc_v2"));
      }
    }
  }

  private static float[] result(CudaKernelDevice device, DeviceTensor y) {
    float[] back = new float[TOKENS * WIDTH];
    device.copy(y.tensor(), Tensor.wrap(back, TOKENS, WIDTH));
    return back;
  }

  /** Rows are read anew, weights are those of the capture; more slots than a launch can carry. */
  @Test
  void aReductionIsReplayed() {
    int slots = 300;
    int columns = 40;
    float[] weights = random.normals(slots, 1);
    try (CudaKernelDevice device = open();
        DeviceTensor matrix = device.allocate(DType.F32, slots, columns);
        DeviceTensor out = device.allocate(DType.F32, columns);
        TreeReduce sum = device.reduce().treeReduce(TreeReduceSpec.mean(slots, columns))) {
      List<Tensor> rows = new ArrayList<>();
      for (int slot = 0; slot < slots; slot++) {
        rows.add(slot == 7 ? null : matrix.tensor().row(slot));
      }
      float[] used = weights.clone();
      try (CapturedRuns captured = device.capture(() -> sum.run(rows, used, out.tensor()))) {
        Arrays.fill(used, 0);
        for (int round = 0; round < 2; round++) {
          float[] values = random.normals(slots * columns, 1);
          device.copy(Tensor.wrap(values, slots, columns), matrix.tensor());
          captured.run();
          float[] replayed = new float[columns];
          device.copy(out.tensor(), Tensor.wrap(replayed, columns));
          sum.run(rows, weights, out.tensor());
          float[] expected = new float[columns];
          device.copy(out.tensor(), Tensor.wrap(expected, columns));
          assertArrayEquals(expected, replayed);
          assertNotEquals(0, replayed[0]);
        }
      }
    }
  }

  /** What fails is named, and the device works as before. */
  @ParameterizedTest
  @ValueSource(
      strings = {
        "cuStreamBeginCapture_v2",
        "cuLaunchKernel",
        "cuGraphInstantiateWithFlags",
        "cuGraphLaunch"
      })
  void whatFailsInACaptureLeavesNothing(String call, SoftGpu gpu) {
    float[] values = random.normals(8, 1);
    float[] back = new float[8];
    try (CudaKernelDevice device = open();
        DeviceTensor x = device.allocate(DType.F32, 1, 8);
        DeviceTensor out = device.allocate(DType.F32, 8);
        TreeReduce sum = device.reduce().treeReduce(TreeReduceSpec.mean(1, 8))) {
      device.copy(Tensor.wrap(values, 1, 8), x.tensor());
      Runnable captureAndRun =
          () -> {
            try (CapturedRuns captured =
                device.capture(
                    () -> sum.run(List.of(x.tensor().row(0)), new float[] {1}, out.tensor()))) {
              captured.run();
            }
          };
      gpu.faults().failCall(call, 1, CudaResult.OUT_OF_MEMORY);
      DeviceException e = assertThrows(DeviceException.class, captureAndRun::run);
      assertTrue(call.startsWith(e.call()), e.call());
      captureAndRun.run();
      device.copy(out.tensor(), Tensor.wrap(back, 8));
      assertArrayEquals(values, back);
    }
    assertEquals(List.of(), gpu.liveMemory());
  }

  /** What was refused leaves the stream as it was. */
  @Test
  void hostTensorsAreRefused() {
    Tensor row = Tensor.wrap(new float[] {1, 2}, 1, 2);
    Tensor ones = Tensor.wrap(new float[] {1, 1}, 2);
    float[] y = new float[2];
    Tensor out = Tensor.wrap(y, 1, 2);
    try (CudaKernelDevice device = open();
        RmsNorm norm = device.attention().rmsNorm(new RmsNormSpec(1, 2, 0))) {
      IllegalStateException e =
          assertThrows(
              IllegalStateException.class, () -> device.capture(() -> norm.run(row, ones, out)));
      assertTrue(e.getMessage().contains("host tensor"), e.getMessage());
      norm.run(row, ones, out);
      assertEquals(2 / Math.sqrt(2.5), y[1], 1e-6);
    }
  }

  /** A bad index that a replay finds is reported like any other. */
  @Test
  void aReplayReportsBadIndices() {
    try (CudaKernelDevice device = open();
        DeviceTensor h = device.allocate(DType.F32, 2, 8);
        DeviceTensor slots = device.allocate(DType.I32, 1, 1);
        DeviceTensor factors = device.allocate(DType.F32, 1, 1);
        DeviceTensor y = device.allocate(DType.F32, 1, 8);
        Combine combine = device.moe().combine(new CombineSpec(1, 1, 8).withMaxSlots(2));
        CapturedRuns captured =
            device.capture(
                () -> combine.run(h.tensor(), slots.tensor(), factors.tensor(), y.tensor()))) {
      captured.run();
      device.synchronize();
      device.copy(Tensor.wrap(new int[] {9}, 1, 1), slots.tensor());
      captured.run();
      assertThrows(InvalidArgumentException.class, device::synchronize);
    }
  }
}
