package dev.warpwright.cuda.runtime;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.List;
import java.util.Optional;

/**
 * What a group of kernels was compiled to: PTX in resources named {@code stem.sm_90.ptx} and so on,
 * one for each architecture that it was compiled for, and in a release {@code stem.fatbin} with
 * machine code, which is tried first.
 *
 * @param anchor class whose package holds the resources
 * @param stem first part of their names
 */
public record KernelImages(Class<?> anchor, String stem) {
  /** Architectures that the build may compile for, best first. */
  private static final List<Integer> ARCHITECTURES = List.of(120, 100, 90, 89, 86, 80);

  /** Name for caches and reports. */
  String key() {
    return anchor.getPackageName() + "." + stem;
  }

  /** Machine code for several architectures, if the build has made it. */
  Optional<byte[]> machineCode() {
    String resource = stem + ".fatbin";
    return anchor.getResource(resource) == null ? Optional.empty() : Optional.of(read(resource));
  }

  /**
   * The PTX for a device: that of its own architecture, or of the newest older one.
   *
   * @throws ModuleException if there is none
   */
  byte[] ptx(CudaDevice device) {
    List<Integer> present = ARCHITECTURES.stream().filter(this::isPresent).toList();
    int wanted = device.limits().architecture();
    return present.stream()
        .filter(architecture -> architecture <= wanted)
        .findFirst()
        .map(architecture -> read(resource(architecture)))
        .orElseThrow(() -> missing(present, wanted));
  }

  private ModuleException missing(List<Integer> present, int wanted) {
    return new ModuleException(
        "CUDA_ERROR_NO_BINARY_FOR_GPU",
        "cuModuleLoadDataEx",
        present.isEmpty()
            ? key() + " was not compiled: build it on a machine with nvcc"
            : key() + " needs sm_" + present.getLast() + " or newer, the device is sm_" + wanted);
  }

  private boolean isPresent(int architecture) {
    return anchor.getResource(resource(architecture)) != null;
  }

  private byte[] read(String resource) {
    try (InputStream in = anchor.getResourceAsStream(resource)) {
      if (in == null) {
        throw new IOException(resource + " has disappeared");
      }
      return in.readAllBytes();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private String resource(int architecture) {
    return stem + ".sm_" + architecture + ".ptx";
  }
}
