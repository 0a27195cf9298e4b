package dev.warpwright.kernels;

/**
 * A source of devices, found by {@link java.util.ServiceLoader}. A provider never fails to load:
 * whatever is missing on the machine becomes a reason of {@link #probe}.
 */
public interface KernelProvider {
  /**
   * Short name that users select the provider by: {@code cpu}, {@code reference}, {@code cuda},
   * {@code tornado}.
   */
  String id();

  /** Looks at the machine, once; cheap when repeated, never throws. */
  Probe probe();

  /**
   * Opens a device.
   *
   * @throws ProviderUnavailableException with all reasons if {@link #probe} says that none is there
   * @throws InvalidArgumentException if the ordinal is not below {@link Probe#devices}
   */
  KernelDevice open(OpenOptions options);
}
