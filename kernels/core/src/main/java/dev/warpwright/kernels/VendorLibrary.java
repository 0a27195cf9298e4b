package dev.warpwright.kernels;

import java.util.Locale;

/**
 * Whether a device multiplies dense matrices by its vendor's library, where kernels of this project
 * do not have to. Such a library chooses the order of its sums by shape, device and version: a row
 * may have other bits in another batch. Results stay within the tolerances of the contracts.
 */
public enum VendorLibrary {
  /** Never. */
  OFF,

  /** Where it is there and keeps to the contract; the device's name says which, or why not. */
  AUTO,

  /** The device is refused without it, and so are dense products that it cannot do. */
  REQUIRED;

  /** System property that {@link #configured} reads. */
  public static final String PROPERTY = "warpwright.cuda.cublas";

  /**
   * What {@code -Dwarpwright.cuda.cublas} says: {@code off}, {@code auto} or {@code required};
   * {@link #OFF} if it is not set.
   */
  public static VendorLibrary configured() {
    String value = System.getProperty(PROPERTY, "off").toLowerCase(Locale.ROOT);
    return switch (value) {
      case "off" -> OFF;
      case "auto" -> AUTO;
      case "required" -> REQUIRED;
      default ->
          throw new InvalidArgumentException(
              "system property " + PROPERTY, value, "off, auto or required");
    };
  }
}
