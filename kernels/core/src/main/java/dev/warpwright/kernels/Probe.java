package dev.warpwright.kernels;

import java.util.List;

/**
 * What a provider found on the machine.
 *
 * @param devices names of the devices that can be opened, by ordinal; empty when the provider is
 *     not available
 * @param reasons why the provider is not available, each with what to do about it
 * @param warnings what makes the provider slower than it could be, each with what to do about it
 */
public record Probe(List<String> devices, List<String> reasons, List<String> warnings) {
  /** Copies the lists. */
  public Probe {
    devices = List.copyOf(devices);
    reasons = List.copyOf(reasons);
    warnings = List.copyOf(warnings);
  }

  /** A provider with these devices. */
  public static Probe available(List<String> devices, List<String> warnings) {
    return new Probe(devices, List.of(), warnings);
  }

  /** A provider that cannot be used, for these reasons. */
  public static Probe unavailable(List<String> reasons) {
    return new Probe(List.of(), reasons, List.of());
  }

  /** Whether a device can be opened. */
  public boolean isAvailable() {
    return !devices.isEmpty();
  }
}
