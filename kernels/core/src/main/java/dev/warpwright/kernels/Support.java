package dev.warpwright.kernels;

/**
 * Whether a device offers a kernel with given options.
 *
 * @param supported whether a plan can be made
 * @param reason why not, or an empty text
 */
public record Support(boolean supported, String reason) {
  private static final Support YES = new Support(true, "");

  /** The kernel is offered. */
  public static Support yes() {
    return YES;
  }

  /** The kernel is not offered, for {@code reason}. */
  public static Support no(String reason) {
    return new Support(false, reason);
  }
}
