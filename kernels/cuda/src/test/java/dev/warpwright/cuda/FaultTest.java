package dev.warpwright.cuda;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.DeviceException;
import dev.warpwright.kernels.DeviceTensor;
import dev.warpwright.kernels.KernelDevice;
import dev.warpwright.kernels.MemoryAccount;
import dev.warpwright.kernels.OutOfDeviceMemoryException;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.attention.RmsNorm;
import dev.warpwright.kernels.attention.RmsNormSpec;
import dev.warpwright.kernels.moe.Dispatch;
import dev.warpwright.kernels.moe.DispatchSpec;
import dev.warpwright.kernels.moe.ExpertMatmul;
import dev.warpwright.kernels.moe.ExpertMatmulSpec;
import dev.warpwright.kernels.moe.ExpertMatmulSpec.Activation;
import dev.warpwright.kernels.moe.ExpertWeights;
import dev.warpwright.kernels.moe.PreparedExperts;
import dev.warpwright.kernels.reduce.TreeReduce;
import dev.warpwright.kernels.reduce.TreeReduceSpec;
import dev.warpwright.kernels.reduce.TreeReduceStream;
import dev.warpwright.kernels.sparse.DenseMatrix;
import dev.warpwright.softgpu.CudaResult;
import dev.warpwright.softgpu.FaultInjection.LaunchFault;
import dev.warpwright.softgpu.SoftGpu;
import dev.warpwright.testkit.ContractTest;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Whatever fails shows the documented exception, leaves the inputs as they were and leaks nothing,
 * and the device that is opened next works.
 */
@CudaTest
class FaultTest {
  private static final int COLUMNS = 6;

  private final float[] x = {1, 2, 3, 4, 5, 6};
  private final float[] weight = {1, 1, 1, 1, 1, 1};
  private final int[] ids = {2, 0, 1, 2};
  private long accounted;

  @BeforeEach
  void account() {
    accounted = MemoryAccount.live();
  }

  private void inputsAreIntactAndNothingIsHeld(SoftGpu gpu) {
    assertArrayEquals(new float[] {1, 2, 3, 4, 5, 6}, x);
    assertArrayEquals(new int[] {2, 0, 1, 2}, ids);
    assertEquals(List.of(), gpu.liveMemory());
    assertEquals(accounted, MemoryAccount.live());
  }

  @AfterEach
  void accountsAreBalanced() {
    assertEquals(accounted, MemoryAccount.live());
  }

  /** Host and device tensors, a workspace, several launches. */
  private void everything() {
    try (KernelDevice device = ContractTest.open("cuda", 1);
        DeviceTensor y = device.allocate(DType.F32, 1, COLUMNS);
        RmsNorm norm = device.attention().rmsNorm(new RmsNormSpec(1, COLUMNS, 1));
        Dispatch dispatch = device.moe().dispatch(DispatchSpec.of(2, 2, 3))) {
      norm.run(Tensor.wrap(x, 1, COLUMNS), Tensor.wrap(weight, COLUMNS), y.tensor());
      int[] slots = new int[4];
      dispatch.run(
          Tensor.wrap(ids, 2, 2),
          Tensor.wrap(new int[4], 4),
          Tensor.wrap(new int[4], 4),
          Tensor.wrap(slots, 2, 2));
      assertArrayEquals(new int[] {2, 0, 1, 3}, slots);
      float[] back = new float[COLUMNS];
      device.copy(y.tensor(), Tensor.wrap(back, 1, COLUMNS));
      device.synchronize();
      assertEquals(1 / Math.sqrt(91 / 6.0 + 1), back[0], 1e-6);
    }
  }

  private long callsOf(String symbol, SoftGpu gpu) {
    long before = gpu.faults().calls(symbol);
    everything();
    return gpu.faults().calls(symbol) - before;
  }

  /** Each call of each entry point fails once. */
  @ParameterizedTest
  @CsvSource({
    "cuMemAlloc_v2, UNKNOWN",
    "cuMemHostAlloc, OUT_OF_MEMORY",
    "cuDevicePrimaryCtxRetain, DEVICE_UNAVAILABLE",
    "cuStreamCreate, OUT_OF_MEMORY",
    "cuEventCreate, OUT_OF_MEMORY",
    "cuModuleLoadDataEx, OUT_OF_MEMORY",
    "cuModuleGetFunction, NOT_FOUND",
    "cuLaunchKernel, LAUNCH_OUT_OF_RESOURCES",
    "cuLaunchKernel, LAUNCH_FAILED",
    "cuMemcpyHtoDAsync_v2, INVALID_VALUE",
    "cuMemcpyDtoHAsync_v2, ILLEGAL_ADDRESS",
    "cuMemsetD8Async, ECC_UNCORRECTABLE",
    "cuEventRecord, INVALID_HANDLE",
    "cuEventSynchronize, LAUNCH_TIMEOUT",
    "cuStreamSynchronize, ILLEGAL_INSTRUCTION"
  })
  void everyCallMayFail(String symbol, CudaResult result, SoftGpu gpu) {
    long calls = callsOf(symbol, gpu);
    assertTrue(calls > 0, "not called at all");
    for (int nth = 1; nth <= calls; nth++) {
      gpu.faults().failCall(symbol, nth, result);
      DeviceException e = assertThrows(DeviceException.class, this::everything, symbol + nth);
      assertEquals(result.fullName(), e.code());
      assertEquals(symbol.replaceAll("_v2$", ""), e.call());
      inputsAreIntactAndNothingIsHeld(gpu);
    }
    everything();
  }

  @Test
  void everyAllocationMayFail(SoftGpu gpu) {
    long calls = callsOf("cuMemAlloc_v2", gpu);
    for (int nth = 1; nth <= calls; nth++) {
      gpu.faults().failCall("cuMemAlloc_v2", nth, CudaResult.OUT_OF_MEMORY);
      assertThrows(OutOfDeviceMemoryException.class, this::everything);
      inputsAreIntactAndNothingIsHeld(gpu);
    }
    everything();
  }

  /** A launch that names the kernel when it fails at once, and when it fails later. */
  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void aFailedKernelIsNamed(boolean sticky, SoftGpu gpu) {
    CudaResult result = sticky ? CudaResult.LAUNCH_FAILED : CudaResult.UNKNOWN;
    gpu.faults().failLaunch("dispatch_place", 1, new LaunchFault(result, sticky));
    DeviceException e = assertThrows(DeviceException.class, this::everything);
    assertTrue(e.kernel().contains("dispatch_place"), e.kernel());
    assertEquals(sticky, e.sticky());
    inputsAreIntactAndNothingIsHeld(gpu);
    everything();
    gpu.faults().failCall("cuLaunchKernel", 1, CudaResult.LAUNCH_OUT_OF_RESOURCES);
    assertEquals("rms_norm_scalar", assertThrows(DeviceException.class, this::everything).kernel());
    inputsAreIntactAndNothingIsHeld(gpu);
  }

  /** After a sticky error everything says so, everything can be closed, and a new device works. */
  @Test
  void aStickyErrorInMidPlan(SoftGpu gpu) {
    Tensor row = Tensor.wrap(x, 1, COLUMNS);
    Tensor ones = Tensor.wrap(weight, COLUMNS);
    try (KernelDevice device = ContractTest.open("cuda", 1);
        DeviceTensor y = device.allocate(DType.F32, 1, COLUMNS);
        RmsNorm norm = device.attention().rmsNorm(new RmsNormSpec(1, COLUMNS, 1))) {
      gpu.faults()
          .failLaunch("rms_norm_scalar", 2, new LaunchFault(CudaResult.ILLEGAL_ADDRESS, true));
      norm.run(row, ones, y.tensor());
      device.synchronize();
      norm.run(row, ones, y.tensor());
      assertTrue(assertThrows(DeviceException.class, device::synchronize).sticky());
      assertFalse(y.tensor().memory().isAlive());
      Tensor host = Tensor.wrap(new float[COLUMNS], 1, COLUMNS);
      assertTrue(assertThrows(DeviceException.class, () -> norm.run(row, ones, host)).sticky());
      assertThrows(DeviceException.class, () -> device.allocate(DType.F32, 1));
      assertThrows(
          DeviceException.class, () -> device.attention().rmsNorm(new RmsNormSpec(50, COLUMNS, 1)));
    }
    inputsAreIntactAndNothingIsHeld(gpu);
    everything();
  }

  @Test
  void aLostDevice(SoftGpu gpu) {
    try (KernelDevice device = ContractTest.open("cuda", 1);
        RmsNorm norm = device.attention().rmsNorm(new RmsNormSpec(1, COLUMNS, 1))) {
      gpu.faults().loseDevice(0, CudaResult.DEVICE_UNAVAILABLE);
      for (int i = 0; i < 3; i++) {
        DeviceException e =
            assertThrows(
                DeviceException.class,
                () ->
                    norm.run(
                        Tensor.wrap(x, 1, COLUMNS),
                        Tensor.wrap(weight, COLUMNS),
                        Tensor.wrap(new float[COLUMNS], 1, COLUMNS)));
        assertTrue(e.sticky());
        assertEquals("CUDA_ERROR_DEVICE_UNAVAILABLE", e.code());
      }
    }
    assertArrayEquals(new float[] {1, 2, 3, 4, 5, 6}, x);
  }

  /** The device goes while its work is still queued. */
  @Test
  void aDeviceIsClosedWhileItWorks(SoftGpu gpu) {
    KernelDevice device = ContractTest.open("cuda", 1);
    DeviceTensor y = device.allocate(DType.F32, 1, COLUMNS);
    RmsNorm norm = device.attention().rmsNorm(new RmsNormSpec(1, COLUMNS, 1));
    norm.run(Tensor.wrap(x, 1, COLUMNS), Tensor.wrap(weight, COLUMNS), y.tensor());
    y.close();
    device.close();
    assertFalse(device.isOpen());
    norm.close();
    inputsAreIntactAndNothingIsHeld(gpu);
    everything();
  }

  /** A plan and its workspace are freed before its launches are done. */
  @Test
  void aPlanIsClosedWhileItWorks(SoftGpu gpu) {
    int[] back = new int[4];
    try (KernelDevice device = ContractTest.open("cuda", 1);
        DeviceTensor choices = device.allocate(DType.I32, 2, 2);
        DeviceTensor offsets = device.allocate(DType.I32, 4);
        DeviceTensor order = device.allocate(DType.I32, 4);
        DeviceTensor slots = device.allocate(DType.I32, 2, 2)) {
      device.copy(Tensor.wrap(ids, 2, 2), choices.tensor());
      try (Dispatch dispatch = device.moe().dispatch(DispatchSpec.of(2, 2, 3))) {
        dispatch.run(choices.tensor(), offsets.tensor(), order.tensor(), slots.tensor());
      }
      device.copy(slots.tensor(), Tensor.wrap(back, 2, 2));
    }
    assertArrayEquals(new int[] {2, 0, 1, 3}, back);
    inputsAreIntactAndNothingIsHeld(gpu);
  }

  /** Weights are freed before the product that reads them is done. */
  @Test
  void weightsAreClosedWhileTheyAreRead(SoftGpu gpu) {
    float[] back = new float[1];
    try (KernelDevice device = ContractTest.open("cuda", 1);
        DeviceTensor y = device.allocate(DType.F32, 1, 1)) {
      ExpertWeights weights =
          ExpertWeights.plain(List.of(new DenseMatrix(Tensor.wrap(new float[] {2, 3}, 1, 2))));
      try (PreparedExperts experts = device.moe().prepare(weights);
          ExpertMatmul plan =
              device.moe().expertMatmul(ExpertMatmulSpec.of(1, weights, Activation.NONE, 0))) {
        plan.run(
            experts,
            Tensor.wrap(new int[] {0, 1}, 2),
            null,
            Tensor.wrap(new float[] {5, 7}, 1, 2),
            y.tensor());
      }
      device.copy(y.tensor(), Tensor.wrap(back, 1, 1));
    }
    assertEquals(31, back[0]);
    inputsAreIntactAndNothingIsHeld(gpu);
  }

  /** What allocates while it works: nodes of a stream, prepared weights, results of chunks. */
  @Test
  void laterAllocationsMayFail(SoftGpu gpu) {
    try (KernelDevice device = ContractTest.open("cuda", 1)) {
      final List<String> held = gpu.liveMemory();
      Tensor row = Tensor.wrap(x, COLUMNS);
      try (TreeReduceStream stream =
          device.reduce().treeReduceStream(TreeReduceSpec.mean(3, COLUMNS))) {
        stream.accept(1, row, 1);
        gpu.faults().failCall("cuMemAlloc_v2", 1, CudaResult.OUT_OF_MEMORY);
        assertThrows(OutOfDeviceMemoryException.class, () -> stream.accept(2, row, 3));
        stream.accept(2, row, 3); // it had not arrived
        float[] mean = new float[COLUMNS];
        stream.finish(Tensor.wrap(mean, COLUMNS));
        assertArrayEquals(x, mean);
      }
      gpu.faults().failCall("cuMemAlloc_v2", 1, CudaResult.OUT_OF_MEMORY);
      ExpertWeights weights =
          ExpertWeights.plain(List.of(new DenseMatrix(Tensor.wrap(new float[] {2, 3}, 1, 2))));
      assertThrows(OutOfDeviceMemoryException.class, () -> device.moe().prepare(weights));
      gpu.faults().failCall("cuMemcpyHtoDAsync_v2", 2, CudaResult.INVALID_VALUE);
      assertThrows(DeviceException.class, () -> device.moe().prepare(weights));
      // The room for the rows is there already at the second attempt.
      for (int nth = 2; nth > 0; nth--) {
        gpu.faults().failCall("cuMemAlloc_v2", nth, CudaResult.OUT_OF_MEMORY);
        assertThrows(
            OutOfDeviceMemoryException.class,
            () -> device.reduce().treeReduce(TreeReduceSpec.mean(1024, COLUMNS)));
      }
      try (TreeReduce plan = device.reduce().treeReduce(TreeReduceSpec.mean(1024, COLUMNS))) {
        float[] mean = new float[COLUMNS];
        float[] ones = new float[1024];
        Arrays.fill(ones, 1);
        plan.run(Collections.nCopies(1024, row), ones, Tensor.wrap(mean, COLUMNS));
        assertArrayEquals(x, mean);
      }
      // What is new is the room for host tensors, which stays.
      assertEquals(held.size() + 1, gpu.liveMemory().size(), gpu.liveMemory().toString());
    }
    inputsAreIntactAndNothingIsHeld(gpu);
  }
}
