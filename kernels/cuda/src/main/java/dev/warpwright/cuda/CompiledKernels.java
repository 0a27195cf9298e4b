package dev.warpwright.cuda;

import dev.warpwright.cuda.runtime.KernelImages;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Properties;
import java.util.stream.IntStream;

/**
 * What the build has made of the {@code .cu} files; it notes that in {@code compiled.properties}.
 */
final class CompiledKernels {
  /** Those of this artifact. */
  static final CompiledKernels INSTALLED = new CompiledKernels(read("compiled.properties"));

  private final Properties notes;

  CompiledKernels(Properties notes) {
    this.notes = notes;
  }

  private static Properties read(String resource) {
    Properties notes = new Properties();
    try (InputStream in = CompiledKernels.class.getResourceAsStream(resource)) {
      if (in != null) {
        notes.load(in);
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return notes;
  }

  /** Why there are no kernels at all. */
  Optional<String> missing() {
    return notes.isEmpty()
        ? Optional.of(
            "this build of warpwright-kernels-cuda has no kernels: it was made without nvcc; build"
                + " it where nvcc is on the PATH or CUDA_HOME is set")
        : Optional.empty();
  }

  /** What is wrong with a driver of a version, as {@code 1000 * major + 10 * minor}. */
  List<String> needs(int driver) {
    if (notes.isEmpty()) {
      return List.of();
    }
    String cuda = notes.getProperty("cuda");
    int dot = cuda.indexOf('.');
    int least =
        1000 * Integer.parseInt(cuda.substring(0, dot))
            + 10 * Integer.parseInt(cuda.substring(dot + 1));
    return driver >= least
        ? List.of()
        : List.of(
            "the driver supports CUDA "
                + driver / 1000
                + "."
                + driver % 1000 / 10
                + ", the kernels were compiled by CUDA "
                + cuda
                + ": update the driver");
  }

  /** Architecture that a device must have, 80 for sm_80. */
  int leastArchitecture() {
    return architectures("architectures").min().orElse(0);
  }

  /** Architectures that a release has machine code for; none in other builds. */
  List<Integer> machineCode() {
    return architectures("machineCode").boxed().toList();
  }

  private IntStream architectures(String note) {
    return Arrays.stream(notes.getProperty(note, "").split(","))
        .filter(text -> !text.isEmpty())
        .mapToInt(Integer::parseInt);
  }

  /** The kernels of {@code family/stem.cu}. */
  static KernelImages images(String stem) {
    return new KernelImages(CompiledKernels.class, stem);
  }
}
