package dev.warpwright.cuda;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.DeviceTensor;
import dev.warpwright.kernels.InvalidArgumentException;
import dev.warpwright.kernels.KernelDevice;
import dev.warpwright.kernels.MemoryAccount;
import dev.warpwright.kernels.OpenOptions;
import dev.warpwright.kernels.Support;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.attention.RmsNorm;
import dev.warpwright.kernels.attention.RmsNormSpec;
import dev.warpwright.kernels.moe.Combine;
import dev.warpwright.kernels.moe.CombineSpec;
import dev.warpwright.kernels.moe.ExpertMatmul;
import dev.warpwright.kernels.moe.ExpertMatmulSpec;
import dev.warpwright.kernels.moe.ExpertMatmulSpec.Activation;
import dev.warpwright.kernels.moe.ExpertWeights;
import dev.warpwright.kernels.moe.PreparedExperts;
import dev.warpwright.kernels.reduce.TreeReduceSpec;
import dev.warpwright.kernels.reduce.TreeReduceSpec.Determinism;
import dev.warpwright.kernels.reduce.TreeReduceSpec.Operation;
import dev.warpwright.kernels.sparse.DenseMatrix;
import dev.warpwright.softgpu.SoftGpu;
import dev.warpwright.softgpu.SoftGpuTest;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Memory, copies and life of a device. */
@CudaTest
class CudaKernelDeviceTest {
  private static KernelDevice open(int ordinal) {
    return new CudaProvider().open(OpenOptions.defaults().withOrdinal(ordinal));
  }

  private static float[] counting(int count) {
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = i;
    }
    return values;
  }

  /** The larger ones take several pieces of the pinned memory. */
  @ParameterizedTest
  @ValueSource(ints = {0, 1, 1000, 1 << 18, (1 << 18) + 1, (1 << 20) + 7})
  void copiesThereAndBack(int count) {
    float[] values = counting(count);
    float[] back = new float[count];
    try (KernelDevice device = open(0);
        DeviceTensor first = device.allocate(DType.F32, count);
        DeviceTensor second = device.allocate(DType.F32, count)) {
      device.copy(Tensor.wrap(values, count), first.tensor());
      Arrays.fill(values, -1); // it was read before the call returned
      device.copy(first.tensor(), second.tensor());
      device.copy(second.tensor(), Tensor.wrap(back, count));
    }
    assertArrayEquals(counting(count), back);
  }

  @Test
  void copiesParts() {
    float[] back = new float[3];
    try (KernelDevice device = open(0);
        DeviceTensor tensor = device.allocate(DType.F32, 10)) {
      device.copy(Tensor.wrap(counting(4), 4), tensor.tensor().slice(5, 9));
      device.copy(tensor.tensor().slice(4, 7), Tensor.wrap(back, 3));
    }
    assertArrayEquals(new float[] {0, 0, 1}, back, "what was not copied is zero");
  }

  @Test
  void refusesCopiesThatDoNotFit() {
    try (KernelDevice device = open(0);
        DeviceTensor tensor = device.allocate(DType.F32, 10)) {
      assertThrows(
          InvalidArgumentException.class,
          () -> device.copy(Tensor.wrap(new float[9], 9), tensor.tensor()));
      assertThrows(
          InvalidArgumentException.class, () -> device.copy(tensor.tensor(), tensor.tensor()));
      DeviceTensor closed = device.allocate(DType.F32, 10);
      closed.close();
      assertThrows(
          InvalidArgumentException.class, () -> device.copy(closed.tensor(), tensor.tensor()));
    }
  }

  @Test
  @SoftGpuTest(devices = {"H100", "A100"})
  void memoryBelongsToOneDevice() {
    try (KernelDevice one = open(0);
        KernelDevice other = open(1);
        DeviceTensor tensor = one.allocate(DType.F32, 4)) {
      assertTrue(one.canAccess(tensor.tensor().memory()));
      assertFalse(other.canAccess(tensor.tensor().memory()));
      assertEquals("cuda:0", tensor.tensor().memory().place());
    }
  }

  @Test
  void accountsForItsMemory() {
    final long before = MemoryAccount.live();
    try (KernelDevice device = open(0)) {
      final long opened = MemoryAccount.live();
      try (DeviceTensor tensor = device.allocate(DType.F64, 100)) {
        assertEquals(800, tensor.tensor().bytes());
        assertEquals(opened + 800, MemoryAccount.live());
      }
      assertEquals(opened, MemoryAccount.live());
    }
    assertEquals(before, MemoryAccount.live());
  }

  /** Not even the first run of a plan, with as many rows as it was made for. */
  @Test
  void runAllocatesNoDeviceMemory(SoftGpu gpu) {
    int rows = 200;
    Tensor x = Tensor.wrap(counting(2 * rows), rows, 2);
    Tensor y = Tensor.wrap(new float[4], 2, 2);
    Tensor ids = Tensor.wrap(new int[] {1, 0}, 2);
    ExpertWeights experts =
        ExpertWeights.plain(List.of(new DenseMatrix(Tensor.wrap(counting(4), 2, 2))));
    try (KernelDevice device = open(0);
        RmsNorm norm = device.attention().rmsNorm(new RmsNormSpec(1, 2, 1));
        PreparedExperts prepared = device.moe().prepare(experts);
        ExpertMatmul multiply =
            device
                .moe()
                .expertMatmul(
                    ExpertMatmulSpec.of(2, experts, Activation.NONE, 1).withMaxRows(rows));
        Combine combine = device.moe().combine(new CombineSpec(2, 1, 2).withMaxSlots(2 * rows))) {
      long before = gpu.faults().calls("cuMemAlloc_v2");
      norm.run(x.slice(0, 1), Tensor.wrap(counting(2), 2), y.slice(0, 1));
      multiply.run(prepared, Tensor.wrap(new int[] {0, 2}, 2), ids, x, y);
      combine.run(
          Tensor.wrap(counting(4 * rows), 2 * rows, 2),
          ids.reshape(2, 1),
          Tensor.wrap(counting(2), 2, 1),
          y);
      assertEquals(before, gpu.faults().calls("cuMemAlloc_v2"));
    }
  }

  /** Plans share the room for host tensors; a later plan that needs more must not disturb. */
  @Test
  void plansShareTheStaging() {
    float[] one = new float[10];
    float[] two = new float[5000];
    float[] values = counting(5000);
    try (KernelDevice device = open(0);
        RmsNorm small = device.attention().rmsNorm(new RmsNormSpec(1, 10, 0));
        DeviceTensor y = device.allocate(DType.F32, 1, 10)) {
      Tensor x = Tensor.wrap(Arrays.copyOf(values, 10), 1, 10);
      Tensor ones = Tensor.wrap(new float[] {1, 1, 1, 1, 1, 1, 1, 1, 1, 1}, 10);
      small.run(x, ones, y.tensor()); // enqueued, reads staged tensors
      try (RmsNorm large = device.attention().rmsNorm(new RmsNormSpec(5, 1000, 0))) {
        large.run(
            Tensor.wrap(values, 5, 1000),
            Tensor.wrap(counting(1000), 1000),
            Tensor.wrap(two, 5, 1000));
      }
      device.copy(y.tensor(), Tensor.wrap(one, 1, 10));
    }
    assertEquals(9 / Math.sqrt(28.5), one[9], 1e-6);
    assertEquals(0, two[0]);
  }

  @Test
  void closedThingsRefuseToWork() {
    KernelDevice device = open(0);
    RmsNorm plan = device.attention().rmsNorm(new RmsNormSpec(1, 4, 1));
    device.close();
    device.close();
    Tensor row = Tensor.wrap(new float[4], 1, 4);
    Tensor weight = Tensor.wrap(new float[4], 4);
    assertThrows(
        IllegalStateException.class, () -> plan.run(row, weight, Tensor.wrap(new float[4], 1, 4)));
    assertThrows(IllegalStateException.class, device::synchronize);
    assertThrows(IllegalStateException.class, () -> device.allocate(DType.F32, 1));
    plan.close();
  }

  @Test
  void saysWhatIsNotBuilt() {
    try (KernelDevice device = open(0)) {
      Support support =
          device.support(
              new TreeReduceSpec(2, 2, DType.F32, Operation.WEIGHTED_SUM, Determinism.FIXED_POINT));
      assertFalse(support.supported());
      assertTrue(support.reason().contains("not built yet"), support.reason());
    }
  }
}
