package dev.warpwright;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.warpwright.attention.KvCacheSpec;
import dev.warpwright.kernels.InvalidArgumentException;
import dev.warpwright.kernels.KernelDevice;
import dev.warpwright.kernels.KernelProvider;
import dev.warpwright.kernels.OpenOptions;
import dev.warpwright.kernels.Probe;
import dev.warpwright.kernels.ProviderUnavailableException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.junit.jupiter.api.Test;

class BackendChoiceTest {
  /** A provider that opens the reference's devices under another id's rules. */
  private record Fake(String id, Probe probe) implements KernelProvider {
    @Override
    public KernelDevice open(OpenOptions options) {
      throw new AssertionError("opened " + id);
    }
  }

  private static Fake unavailable(String id, String... reasons) {
    return new Fake(id, Probe.unavailable(List.of(reasons)));
  }

  @Test
  void autoPrefersCudaEvenWhenItIsFoundLast() {
    List<KernelProvider> providers = new ArrayList<>(BackendChoice.installed());
    providers.add(new Fake("cuda", Probe.available(List.of("a GPU"), List.of())));
    AssertionError opened =
        assertThrows(AssertionError.class, () -> new Warpwright.Builder(providers).open());
    assertEquals("opened cuda", opened.getMessage());
  }

  @Test
  void autoFallsBackToTheCpuAndSaysWhy() {
    List<KernelProvider> providers = new ArrayList<>(BackendChoice.installed());
    providers.add(unavailable("cuda", "no driver: install one"));
    Collections.reverse(providers);
    try (Warpwright ww = new Warpwright.Builder(providers).open()) {
      assertEquals("cpu", ww.diagnostics().chosen());
      String text = ww.diagnostics().toString();
      assertTrue(text.contains("cuda: not available: no driver: install one"), text);
      assertTrue(text.contains("reference: available, only by name"), text);
    }
  }

  @Test
  void aBackendAskedForByNameNeverFallsBack() {
    List<KernelProvider> providers = new ArrayList<>(BackendChoice.installed());
    providers.add(unavailable("cuda", "no driver", "no device"));
    ProviderUnavailableException refused =
        assertThrows(
            ProviderUnavailableException.class,
            () -> new Warpwright.Builder(providers).backend("cuda").open());
    assertEquals("provider 'cuda' is not available: no driver; no device", refused.getMessage());
  }

  @Test
  void anUnknownBackendIsNamedWithThoseThatAreThere() {
    InvalidArgumentException refused =
        assertThrows(
            InvalidArgumentException.class, () -> Warpwright.builder().backend("abacus").open());
    assertEquals("backend", refused.argument());
    assertEquals("abacus", refused.value());
    assertTrue(refused.allowed().contains("cpu"), refused.allowed());
    assertTrue(refused.allowed().contains("reference"), refused.allowed());
  }

  @Test
  void reasonsOfAutoAreAllThereWhenNothingIsAvailable() {
    List<KernelProvider> none =
        List.of(unavailable("cpu", "no cpu"), unavailable("cuda", "no gpu"));
    ProviderUnavailableException refused =
        assertThrows(ProviderUnavailableException.class, () -> new Warpwright.Builder(none).open());
    assertEquals("provider 'auto' is not available: no gpu; no cpu", refused.getMessage());
  }

  @Test
  void threadsAndOrdinalAreChecked() {
    assertEquals(
        "threads",
        assertThrows(InvalidArgumentException.class, () -> Warpwright.builder().threads(0))
            .argument());
    assertEquals(
        "ordinal",
        assertThrows(
                InvalidArgumentException.class,
                () -> Warpwright.builder().backend("cpu").ordinal(1).open())
            .argument());
  }

  @Test
  void closingIsIdempotentAndStopsEverythingMadeOnIt() {
    Warpwright ww = Warpwright.builder().threads(1).open();
    ww.close();
    ww.close();
    assertThrows(IllegalStateException.class, () -> ww.kvCache(KvCacheSpec.layers(1)));
  }
}
