package dev.warpwright.softgpu.driver;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.warpwright.softgpu.CudaResult;
import dev.warpwright.softgpu.SoftGpu;
import dev.warpwright.softgpu.SoftGpuOptions;
import dev.warpwright.softgpu.sim.DeviceProfile;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;

/** Every implemented entry point, with good and bad arguments, through the real JCuda. */
@EnabledOnOs(value = OS.LINUX, architectures = "amd64")
class ConformanceTest {
  /** Entry points that cannot be called wrongly through JCuda on a machine that works. */
  private static final Set<String> CANNOT_FAIL =
      Set.of(
          "cuCtxGetApiVersion",
          "cuCtxGetCurrent",
          "cuCtxGetFlags",
          "cuCtxGetStreamPriorityRange",
          "cuDeviceCanAccessPeer",
          "cuDeviceComputeCapability",
          "cuDeviceGetCount",
          "cuDeviceGetPCIBusId",
          "cuDeviceGetUuid",
          "cuDevicePrimaryCtxGetState",
          "cuDevicePrimaryCtxReset_v2",
          "cuDevicePrimaryCtxRetain",
          "cuDeviceTotalMem_v2",
          "cuDriverGetVersion",
          "cuLaunchHostFunc",
          "cuMemGetInfo_v2",
          "cuModuleGetLoadingMode",
          "cuStreamGetCtx",
          "cuStreamGetFlags",
          "cuStreamGetPriority",
          "cuStreamIsCapturing");

  private static final SoftGpuOptions MACHINE =
      SoftGpuOptions.on(DeviceProfile.H100, DeviceProfile.H100);

  /** Machine code is always refused. */
  private static final Set<String> CANNOT_SUCCEED = Set.of("cuModuleLoadFatBinary");

  private static List<Row> rows() {
    return Stream.of(
            new DeviceRows(),
            new ContextRows(),
            new MemoryRows(),
            new CopyRows(),
            new PeerRows(),
            new StreamRows(),
            new ModuleRows(),
            new GraphRows())
        .flatMap(table -> table.rows().stream())
        .toList();
  }

  @TestFactory
  Stream<DynamicTest> entryPoints() {
    return rows().stream()
        .map(
            row ->
                DynamicTest.dynamicTest(
                    row.symbol() + ": " + row.what() + " -> " + row.expected(), () -> run(row)));
  }

  private static void run(Row row) {
    try (SoftGpu gpu = SoftGpu.open(MACHINE)) {
      Machine machine = new Machine();
      long before = gpu.faults().calls(row.symbol());
      int code = row.call().applyAsInt(machine);
      assertEquals(row.expected(), CudaResult.of(code));
      assertTrue(gpu.faults().calls(row.symbol()) > before, "another entry point was called");
      row.check().accept(machine);
      gpu.drain();
      assertEquals(List.of(), gpu.takeInternalErrors());
      assertEquals(List.of(), gpu.takeFindings());
    }
  }

  @Test
  void everyEntryPointIsCalledRightAndWrong() {
    Set<String> right = new TreeSet<>(CANNOT_SUCCEED);
    Set<String> wrong = new TreeSet<>(CANNOT_FAIL);
    rows().forEach(row -> (row.expected() == CudaResult.SUCCESS ? right : wrong).add(row.symbol()));
    Set<String> implemented = new TreeSet<>(EntryTable.read(Library.CUDA).keySet());
    implemented.add(DeviceNames.SYMBOL);
    assertEquals(implemented, right);
    assertEquals(implemented, wrong);
  }

  @Test
  void resultsHaveTheNumbersAndNamesOfJcuda() {
    String wrong =
        Arrays.stream(CudaResult.values())
            .filter(r -> !jcuda.driver.CUresult.stringFor(r.code()).equals(r.fullName()))
            .map(CudaResult::fullName)
            .collect(Collectors.joining(", "));
    assertEquals("", wrong);
  }
}
