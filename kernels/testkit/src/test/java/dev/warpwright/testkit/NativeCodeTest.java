package dev.warpwright.testkit;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.abort;

import dev.warpwright.kernels.InvalidArgumentException;
import dev.warpwright.kernels.KernelDevice;
import dev.warpwright.kernels.KernelProvider;
import dev.warpwright.kernels.NativeCode;
import dev.warpwright.kernels.OpenOptions;
import dev.warpwright.kernels.ProviderUnavailableException;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.sparse.Grouping;
import dev.warpwright.kernels.sparse.MatrixProduct;
import dev.warpwright.kernels.sparse.MatrixProductSpec;
import dev.warpwright.kernels.sparse.PreparedMatrix;
import dev.warpwright.kernels.sparse.WeightFormat;
import dev.warpwright.kernels.sparse.WeightMatrix;
import java.util.List;
import java.util.ServiceLoader;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** How C kernels are asked for. That they are used at all shows in the contract tests' names. */
class NativeCodeTest {
  private static KernelDevice open(NativeCode nativeCode) {
    KernelProvider cpu =
        ServiceLoader.load(KernelProvider.class).stream()
            .map(ServiceLoader.Provider::get)
            .filter(provider -> provider.id().equals("cpu"))
            .findFirst()
            .orElseThrow();
    return cpu.open(OpenOptions.defaults().withThreads(1).withNativeCode(nativeCode));
  }

  /** Skipped, with the reason, where there is no compiler or another processor. */
  @Test
  void requiredIsUsedOrRefusedWithTheReason() {
    try (KernelDevice device = open(NativeCode.REQUIRED)) {
      assertTrue(device.name().contains(", C kernels"), device.name());
    } catch (ProviderUnavailableException e) {
      assertTrue(e.getMessage().contains("C kernels are required, but "), e.getMessage());
      abort("the contracts ran without C kernels: " + e.getMessage());
    }
  }

  @Test
  void offIsNotUsed() {
    try (KernelDevice device = open(NativeCode.OFF)) {
      assertTrue(device.name().contains("no C kernels: they are switched off"), device.name());
    }
  }

  @Test
  void automaticSaysWhatIsUsed() {
    try (KernelDevice device = open(NativeCode.AUTO)) {
      assertTrue(device.name().contains("C kernels"), device.name());
      assertFalse(device.name().contains("switched off"), device.name());
    }
  }

  /** Weights that are closed during a run: the run ends or is refused, and nothing crashes. */
  @ParameterizedTest
  @EnumSource(names = {"AUTO", "OFF"})
  @Timeout(value = 60, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
  void weightsMayBeClosedDuringRuns(NativeCode nativeCode) throws InterruptedException {
    WeightMatrix w =
        CaseWeights.matrix(new CaseRandom(1), 512, 1024, new WeightFormat.Quant(Grouping.w4(32)));
    Tensor x = Tensor.wrap(new CaseRandom(2).normals(8 * 1024, 1), 8, 1024);
    Tensor y = Tensor.wrap(new float[8 * 512], 8, 512);
    try (KernelDevice device = open(nativeCode);
        MatrixProduct product = device.sparse().product(MatrixProductSpec.of(8, w))) {
      for (int round = 0; round < 20; round++) {
        PreparedMatrix prepared = device.sparse().prepare(w);
        product.run(prepared, x, y);
        Thread closer = Thread.ofPlatform().start(prepared::close);
        RuntimeException thrown =
            assertThrows(
                RuntimeException.class,
                () -> {
                  while (true) {
                    product.run(prepared, x, y);
                  }
                });
        assertTrue(
            thrown instanceof IllegalStateException || thrown instanceof InvalidArgumentException,
            thrown.toString());
        Thread.interrupted(); // the JVM sets this flag in a thread whose memory it takes away
        closer.join();
        assertFalse(prepared.isOpen());
      }
    }
  }

  /** An infinity has no fixed-point form: its row, and no other, is multiplied as floats. */
  @ParameterizedTest
  @EnumSource(names = {"AUTO", "OFF"})
  void infinitiesAndNanShow(NativeCode nativeCode) {
    float[] values = new CaseRandom(2).normals(3 * 64, 1);
    values[64 + 5] = Float.POSITIVE_INFINITY;
    values[2 * 64 + 7] = Float.NaN;
    Tensor x = Tensor.wrap(values, 3, 64);
    for (WeightFormat format :
        List.of(
            new WeightFormat.Quant(Grouping.w4(32)),
            new WeightFormat.GroupSparse(Grouping.w4(32)))) {
      WeightMatrix w = CaseWeights.matrix(new CaseRandom(1), 20, 64, format);
      float[] weights = new float[64];
      try (KernelDevice device = open(nativeCode);
          PreparedMatrix prepared = device.sparse().prepare(w);
          MatrixProduct product = device.sparse().product(MatrixProductSpec.of(3, w))) {
        Tensor y = Tensor.wrap(new float[3 * 20], 3, 20);
        product.run(prepared, x, y);
        for (int n = 0; n < 20; n++) {
          w.decodeRow(n, weights);
          assertTrue(Float.isFinite(y.getFloat(n)), "row 0");
          if (weights[5] != 0) {
            assertEquals(weights[5] * Float.POSITIVE_INFINITY, y.getFloat(20 + n), "row 1");
          }
          if (weights[7] != 0) {
            assertTrue(Float.isNaN(y.getFloat(40 + n)), "row 2");
          }
        }
      }
    }
  }

  @Test
  void propertyIsRead() {
    String before = System.getProperty(NativeCode.PROPERTY);
    try {
      System.setProperty(NativeCode.PROPERTY, "false");
      assertEquals(NativeCode.OFF, OpenOptions.defaults().nativeCode());
      System.setProperty(NativeCode.PROPERTY, "required");
      assertEquals(NativeCode.REQUIRED, OpenOptions.defaults().nativeCode());
      System.setProperty(NativeCode.PROPERTY, "perhaps");
      assertThrows(InvalidArgumentException.class, OpenOptions::defaults);
      System.clearProperty(NativeCode.PROPERTY);
      assertEquals(NativeCode.AUTO, OpenOptions.defaults().nativeCode());
    } finally {
      if (before == null) {
        System.clearProperty(NativeCode.PROPERTY);
      } else {
        System.setProperty(NativeCode.PROPERTY, before);
      }
    }
  }
}
