package dev.warpwright;

import dev.warpwright.Diagnostics.ProviderReport;
import dev.warpwright.kernels.InvalidArgumentException;
import dev.warpwright.kernels.KernelDevice;
import dev.warpwright.kernels.KernelProvider;
import dev.warpwright.kernels.OpenOptions;
import dev.warpwright.kernels.Probe;
import dev.warpwright.kernels.ProviderUnavailableException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.ServiceLoader;

/** Finds the providers and chooses one. */
final class BackendChoice {
  /** Providers that {@code auto} may choose, best first, and why it does not choose the others. */
  private static final List<String> AUTOMATIC = List.of("cuda", "cpu");

  private static final Map<String, String> BY_NAME_ONLY =
      Map.of(
          "tornado", "only by name",
          "reference", "only by name: it is scalar and slow, made for comparison");

  private final List<KernelProvider> providers;
  private final String requested;

  BackendChoice(List<KernelProvider> providers, String requested) {
    this.providers = providers.stream().sorted(BackendChoice::byPreference).toList();
    this.requested = requested;
  }

  /** All providers on the class or module path. */
  static List<KernelProvider> installed() {
    List<KernelProvider> found = new ArrayList<>();
    ServiceLoader.load(KernelProvider.class, BackendChoice.class.getClassLoader())
        .forEach(found::add);
    return found;
  }

  private static int byPreference(KernelProvider a, KernelProvider b) {
    return Integer.compare(rank(a), rank(b));
  }

  private static int rank(KernelProvider provider) {
    int rank = AUTOMATIC.indexOf(provider.id());
    return rank < 0 ? AUTOMATIC.size() : rank;
  }

  /** The provider to open. */
  private KernelProvider choose() {
    List<String> refusals = new ArrayList<>();
    for (KernelProvider provider : providers) {
      boolean asked =
          requested.equals(Warpwright.AUTO)
              ? AUTOMATIC.contains(provider.id())
              : provider.id().equals(requested);
      if (asked) {
        Probe probe = provider.probe();
        if (probe.isAvailable()) {
          return provider;
        }
        refusals.addAll(probe.reasons());
      }
    }
    if (!requested.equals(Warpwright.AUTO)
        && providers.stream().noneMatch(p -> p.id().equals(requested))) {
      throw new InvalidArgumentException(
          "backend",
          requested,
          Warpwright.AUTO
              + " or one of "
              + providers.stream().map(KernelProvider::id).toList()
              + "; others need their artifact on the class path");
    }
    throw new ProviderUnavailableException(requested, refusals);
  }

  /** A device of the chosen provider. */
  KernelDevice open(OpenOptions options) {
    return choose().open(options);
  }

  /** What is said of a choice. */
  Diagnostics report(KernelDevice device) {
    List<ProviderReport> reports = new ArrayList<>();
    for (KernelProvider provider : providers) {
      Probe probe = provider.probe();
      String verdict;
      if (provider.id().equals(device.provider())) {
        verdict = "chosen";
      } else if (!probe.isAvailable()) {
        verdict = "not available: " + String.join("; ", probe.reasons());
      } else if (!requested.equals(Warpwright.AUTO)) {
        verdict = "available, not asked for";
      } else {
        verdict = "available, " + BY_NAME_ONLY.getOrDefault(provider.id(), "less preferred");
      }
      reports.add(new ProviderReport(provider.id(), probe.devices(), verdict, probe.warnings()));
    }
    return new Diagnostics(requested, device.provider(), device.name(), reports);
  }
}
