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
import java.util.ServiceLoader;
import org.junit.jupiter.api.Test;

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
