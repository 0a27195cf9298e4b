package dev.warpwright.kernels;

import java.util.List;

/**
 * A provider that was asked for by name cannot be used on this machine. The message holds all
 * reasons.
 */
public class ProviderUnavailableException extends IllegalStateException {
  private static final long serialVersionUID = 1L;

  /**
   * Reports a provider that cannot be used.
   *
   * @param provider id that was asked for
   * @param reasons why it cannot be used
   */
  public ProviderUnavailableException(String provider, List<String> reasons) {
    super("provider '" + provider + "' is not available: " + String.join("; ", reasons));
  }
}
