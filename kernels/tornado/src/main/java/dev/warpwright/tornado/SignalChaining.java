package dev.warpwright.tornado;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/**
 * Whether the JVM keeps its signal handlers. Drivers that compile with LLVM in the process, such as
 * PoCL, put handlers of their own in place of the JVM's, which needs SIGSEGV for null checks and
 * safepoints: then a process ends now and then without a word. The JDK's {@code libjsig}, loaded
 * before all else, gives signals to the JVM first.
 */
final class SignalChaining {
  private static final Path LIBRARY = Path.of(System.getProperty("java.home"), "lib/libjsig.so");
  private static final Path LOADED = Path.of("/proc/self/maps");

  private SignalChaining() {}

  /** What to do, where handlers may be replaced; otherwise nothing. */
  static List<String> warnings(List<String> devices) {
    if (devices.stream().noneMatch(name -> name.startsWith("OPENCL")) || !Files.exists(LIBRARY)) {
      return List.of();
    }
    try {
      return warnings(Files.readString(LOADED));
    } catch (IOException e) {
      return List.of(); // no such folder: not Linux, and no such library there
    }
  }

  static List<String> warnings(String loaded) {
    return loaded.contains("/libjsig.so")
        ? List.of()
        : List.of(
            "an OpenCL driver that compiles with LLVM, such as PoCL, replaces the JVM's signal"
                + " handlers, which may end the process: start it with LD_PRELOAD="
                + LIBRARY);
  }
}
