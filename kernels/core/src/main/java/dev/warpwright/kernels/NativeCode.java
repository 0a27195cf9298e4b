package dev.warpwright.kernels;

import java.util.Locale;

/** Whether a host device uses the library of C kernels, {@code warpwright-cpu-native}. */
public enum NativeCode {
  /** Where it is there and runs on this machine; the device's name says which. */
  AUTO,

  /** Never. */
  OFF,

  /** The device is refused without it. */
  REQUIRED;

  /** System property that {@link #configured} reads. */
  public static final String PROPERTY = "warpwright.cpu.native";

  /**
   * What {@code -Dwarpwright.cpu.native} says: {@code auto} or {@code true}, {@code false} or
   * {@code off}, {@code required}; {@link #AUTO} if it is not set.
   */
  public static NativeCode configured() {
    String value = System.getProperty(PROPERTY, "auto").toLowerCase(Locale.ROOT);
    return switch (value) {
      case "auto", "true" -> AUTO;
      case "false", "off" -> OFF;
      case "required" -> REQUIRED;
      default ->
          throw new InvalidArgumentException(
              "system property " + PROPERTY, value, "auto, false or required");
    };
  }
}
