package dev.warpwright.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

import dev.warpwright.kernels.KernelDevice;
import dev.warpwright.softgpu.SoftGpu;
import dev.warpwright.softgpu.SoftGpuTest;
import dev.warpwright.testkit.ContractTest;
import java.io.IOException;
import java.io.InputStream;
import java.net.URISyntaxException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIf;

/** The machine code of a release. */
@EnabledIf(
    value = "dev.warpwright.cuda.Kernels#areReleased",
    disabledReason = "machine code is made by -Prelease")
class ReleasedKernelsTest {
  private static final int MAGIC = 0xba55ed50;
  private static final int MACHINE_CODE = 2;

  /** Places in the header of the image and of each of its entries. */
  private static final int IMAGE_HEADER = 6;

  private static final int HEADER = 4;
  private static final int SIZE = 8;
  private static final int ARCHITECTURE = 28;

  private static List<String> stems() throws IOException, URISyntaxException {
    Path root =
        Path.of(
                Objects.requireNonNull(CompiledKernels.class.getResource("compiled.properties"))
                    .toURI())
            .getParent();
    try (Stream<Path> tree = Files.walk(root)) {
      return tree.map(file -> root.relativize(file).toString())
          .filter(name -> name.endsWith(".sm_90.ptx"))
          .map(name -> name.replace(".sm_90.ptx", ""))
          .sorted()
          .toList();
    }
  }

  private static byte[] image(String stem) throws IOException {
    try (InputStream in = CompiledKernels.class.getResourceAsStream(stem + ".fatbin")) {
      return Objects.requireNonNull(in, stem).readAllBytes();
    }
  }

  /** Architectures of the entries of an image that {@code fatbinary} has made. */
  private static List<Integer> architectures(byte[] image) {
    ByteBuffer bytes = ByteBuffer.wrap(image).order(ByteOrder.LITTLE_ENDIAN);
    assertEquals(MAGIC, bytes.getInt(0));
    List<Integer> found = new ArrayList<>();
    int at = bytes.getShort(IMAGE_HEADER);
    while (at < image.length) {
      assertEquals(MACHINE_CODE, bytes.getShort(at));
      found.add(bytes.getInt(at + ARCHITECTURE));
      at += bytes.getInt(at + HEADER) + Math.toIntExact(bytes.getLong(at + SIZE));
    }
    return found;
  }

  @Test
  void everySourceHasCodeForEachArchitecture() throws IOException, URISyntaxException {
    assertFalse(stems().isEmpty());
    for (String stem : stems()) {
      assertEquals(CompiledKernels.INSTALLED.machineCode(), architectures(image(stem)), stem);
    }
  }

  /** The software GPU refuses machine code, as a device does that is in no release. */
  @Test
  @SoftGpuTest
  void theLoaderTriesItBeforeThePtx(SoftGpu gpu) {
    try (KernelDevice device = ContractTest.open("cuda", 1)) {
      ((CudaKernelDevice) device).function("attention/rope_table", "rope_table");
      assertEquals(2, gpu.faults().calls("cuModuleLoadDataEx"));
    }
  }
}
