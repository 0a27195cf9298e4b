package dev.warpwright.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.warpwright.kernels.KernelDevice;
import dev.warpwright.kernels.MemoryAccount;
import dev.warpwright.kernels.OutOfDeviceMemoryException;
import dev.warpwright.softgpu.CudaResult;
import dev.warpwright.softgpu.SoftGpu;
import dev.warpwright.testkit.CaseRandom;
import dev.warpwright.testkit.ContractCase;
import dev.warpwright.testkit.ContractTest;
import dev.warpwright.testkit.KernelContract;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Each allocation of a case of each kernel fails once: nothing leaks, and the next try works. */
@CudaTest
class AllocationFaultTest {
  private static final String ALLOCATE = "cuMemAlloc_v2";

  static Stream<KernelContract> kernels() {
    return Kernels.built().stream();
  }

  private static void run(ContractCase drawn) {
    try (KernelDevice reference = ContractTest.open("reference", 1);
        KernelDevice device = ContractTest.open("cuda", 1)) {
      drawn.run(reference, device);
    }
  }

  private static ContractCase drawn(KernelContract contract) {
    try (KernelDevice device = ContractTest.open("cuda", 1)) {
      return Stream.iterate(1L, seed -> seed + 1)
          .map(seed -> contract.random(new CaseRandom(seed)))
          .filter(any -> device.support(any.spec()).supported())
          .findFirst()
          .orElseThrow();
    }
  }

  @ParameterizedTest
  @MethodSource("kernels")
  void everyAllocationMayFail(KernelContract contract, SoftGpu gpu) {
    ContractCase drawn = drawn(contract);
    final long accounted = MemoryAccount.live();
    long before = gpu.faults().calls(ALLOCATE);
    run(drawn);
    long calls = gpu.faults().calls(ALLOCATE) - before;
    for (int nth = 1; nth <= calls; nth++) {
      gpu.faults().failCall(ALLOCATE, nth, CudaResult.OUT_OF_MEMORY);
      assertThrows(OutOfDeviceMemoryException.class, () -> run(drawn), "allocation " + nth);
      assertEquals(List.of(), gpu.liveMemory());
      assertEquals(accounted, MemoryAccount.live());
    }
    run(drawn);
  }
}
