package dev.warpwright;

import java.util.List;

/**
 * Which backend was chosen, and what became of each other one.
 *
 * @param requested what was asked for: {@code auto} or a provider's id
 * @param chosen id of the provider in use
 * @param device name of the device in use
 * @param providers all providers that were found, in order of preference
 */
public record Diagnostics(
    String requested, String chosen, String device, List<ProviderReport> providers) {
  /** Copies the list. */
  public Diagnostics {
    providers = List.copyOf(providers);
  }

  /**
   * What was found out about one provider.
   *
   * @param id the provider
   * @param devices names of its devices by ordinal
   * @param verdict {@code chosen}, or why it was not
   * @param warnings what makes it slower than it could be
   */
  public record ProviderReport(
      String id, List<String> devices, String verdict, List<String> warnings) {
    /** Copies the lists. */
    public ProviderReport {
      devices = List.copyOf(devices);
      warnings = List.copyOf(warnings);
    }
  }

  @Override
  public String toString() {
    StringBuilder text =
        new StringBuilder("backend ")
            .append(chosen)
            .append(" (")
            .append(device)
            .append("), asked for: ")
            .append(requested);
    for (ProviderReport provider : providers) {
      text.append("\n  ").append(provider.id()).append(": ").append(provider.verdict());
      for (String warning : provider.warnings()) {
        text.append("\n    warning: ").append(warning);
      }
    }
    return text.toString();
  }
}
