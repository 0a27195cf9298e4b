package dev.warpwright.softgpu.driver;

import dev.warpwright.softgpu.CudaResult;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * What a driver looks at before it compiles a PTX text.
 *
 * @param version version of the language, as {@code 10 * major + minor}
 */
record PtxHeader(int version) {
  private static final Pattern VERSION =
      Pattern.compile("^\\s*\\.version\\s+(\\d+)\\.(\\d+)", Pattern.MULTILINE);

  /** Reads a text; INVALID_IMAGE when it is no PTX. */
  static PtxHeader read(String text) {
    Matcher matcher = VERSION.matcher(text);
    CudaFailure.require(matcher.find(), CudaResult.INVALID_IMAGE);
    return new PtxHeader(
        10 * Integer.parseInt(matcher.group(1)) + Integer.parseInt(matcher.group(2)));
  }

  /** The newest version that a driver accepts, from the table in the PTX manual. */
  static int newestVersion(int driverVersion) {
    int major = driverVersion / 1000;
    int minor = driverVersion % 1000 / 10;
    return switch (major) {
      case 11 -> 70 + minor; // 11.0 is 7.0, 11.8 is 7.8
      case 12 -> 80 + (minor < 6 ? minor : minor - 1); // 12.5 and 12.6 are both 8.5
      default -> 10 * (major - 4) + minor; // 13.0 is 9.0
    };
  }
}
