package dev.warpwright.kernels.cpu;

import java.util.List;

/** Whether the Vector API can be used in this JVM. Nothing here touches its classes. */
final class VectorModule {
  private static final boolean PRESENT =
      ModuleLayer.boot().findModule("jdk.incubator.vector").isPresent();

  private VectorModule() {}

  static boolean isPresent() {
    return PRESENT;
  }

  static List<String> warnings() {
    return PRESENT
        ? List.of()
        : List.of(
            "the Vector API is missing, kernels run scalar: start java with --add-modules jdk.incubator.vector");
  }
}
