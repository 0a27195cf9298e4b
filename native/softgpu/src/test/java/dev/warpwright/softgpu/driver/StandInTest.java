package dev.warpwright.softgpu.driver;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.warpwright.softgpu.CudaResult;
import dev.warpwright.softgpu.SoftGpu;
import dev.warpwright.softgpu.SoftGpuOptions;
import dev.warpwright.softgpu.SoftGpuTest;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;
import jcuda.driver.CUdevice;
import jcuda.driver.CUgraph;
import jcuda.driver.JCudaDriver;
import org.junit.jupiter.api.Test;

/** The library itself: what it exports, where it lies, and that nothing escapes from it. */
class StandInTest {
  private static final String JCUDA_LIBRARY = "/lib/libJCudaDriver-12.6.0-linux-x86_64.so";

  @Test
  void exportsWhatJcudaWants() throws IOException {
    try (InputStream in = JCudaDriver.class.getResourceAsStream(JCUDA_LIBRARY)) {
      assertNotNull(in, JCUDA_LIBRARY);
      List<String> wanted =
          ElfSymbols.undefined(in.readAllBytes()).stream().filter(s -> s.startsWith("cu")).toList();
      assertEquals(wanted, Library.CUDA.symbols());
      assertEquals(312, wanted.size());
    }
  }

  @Test
  void implementsOnlyWhatItExports() {
    for (Library library : Library.values()) {
      Set<String> implemented = EntryTable.read(library).keySet();
      assertTrue(new TreeSet<>(library.symbols()).containsAll(implemented), library::name);
    }
  }

  @Test
  @SoftGpuTest
  void whatIsNotImplementedSaysSo() {
    assertEquals(
        CudaResult.NOT_SUPPORTED.code(), JCudaDriver.cuGraphClone(new CUgraph(), new CUgraph()));
  }

  @Test
  @SoftGpuTest
  void nothingIsLeftInTheTemporaryFolder() throws IOException {
    assertEquals(0, JCudaDriver.cuInit(0));
    try (Stream<Path> files = Files.list(Path.of(System.getProperty("java.io.tmpdir")))) {
      assertEquals(
          List.of(),
          files.filter(file -> file.getFileName().toString().startsWith("softgpu")).toList());
    }
  }

  @Test
  void withoutAnOpenOneThereIsNoDevice() {
    SoftGpu.open(SoftGpuOptions.standard()).close();
    assertEquals(CudaResult.NO_DEVICE.code(), JCudaDriver.cuInit(0));
  }

  @Test
  void withoutDevicesThereIsNoDevice() {
    try (SoftGpu gpu = SoftGpu.open(SoftGpuOptions.on())) {
      assertEquals(CudaResult.NO_DEVICE.code(), JCudaDriver.cuInit(0));
      assertEquals(CudaResult.NOT_INITIALIZED.code(), JCudaDriver.cuDeviceGet(new CUdevice(), 0));
      assertEquals(List.of(), gpu.complaints());
    }
  }

  @Test
  void onlyOneIsOpenAtATime() {
    try (SoftGpu gpu = SoftGpu.open(SoftGpuOptions.standard())) {
      assertThrows(IllegalStateException.class, () -> SoftGpu.open(SoftGpuOptions.standard()));
      assertEquals(List.of(), gpu.complaints());
    }
    SoftGpu.open(SoftGpuOptions.standard()).close();
  }

  /** JCuda hands on a null array as a null pointer, and a bad one is not caught by any check. */
  @Test
  @SoftGpuTest
  void anExceptionInsideBecomesAResult(SoftGpu gpu) {
    assertEquals(0, JCudaDriver.cuInit(0));
    Runnable broken =
        () -> {
          throw new IllegalStateException("broken on purpose");
        };
    gpu.faults().beforeCall("cuDriverGetVersion", broken);
    assertEquals(CudaResult.UNKNOWN.code(), JCudaDriver.cuDriverGetVersion(new int[1]));
    assertEquals("broken on purpose", gpu.takeInternalErrors().getFirst().getMessage());
  }
}
