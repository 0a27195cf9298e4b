package dev.warpwright.softgpu.driver;

import dev.warpwright.softgpu.CudaResult;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Objects;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** The libraries that have a stand-in. */
enum Library {
  /** The driver. */
  CUDA(
      "libcuda.so.1",
      null,
      "libcuda-symbols.txt",
      List.of(
          DeviceCalls.class,
          ContextCalls.class,
          MemoryCalls.class,
          HostMemoryCalls.class,
          CopyCalls.class,
          PeerCalls.class,
          MemsetCalls.class,
          StreamCalls.class,
          EventCalls.class,
          ModuleCalls.class,
          FunctionCalls.class,
          LaunchCalls.class,
          GraphCalls.class)) {
    @Override
    int code(CudaResult result) {
      return result.code();
    }
  },

  /** Dense linear algebra. Its users ask for symbols of one version. */
  CUBLAS("libcublas.so.12", "libcublas.so.12", "libcublas-symbols.txt", List.of(BlasCalls.class)) {
    @Override
    int code(CudaResult result) {
      return switch (result) {
        case SUCCESS -> 0;
        case NOT_INITIALIZED, NO_DEVICE, INVALID_CONTEXT, INVALID_HANDLE -> 1;
        case OUT_OF_MEMORY -> 3; // ALLOC_FAILED
        case INVALID_VALUE -> 7;
        case NOT_SUPPORTED -> 15;
        case UNKNOWN -> 14; // INTERNAL_ERROR
        default -> 13; // EXECUTION_FAILED
      };
    }
  };

  private final String soname;
  private final @Nullable String version;
  private final String symbols;

  /** Never changed: made by List.of. */
  @SuppressWarnings("ImmutableEnumChecker")
  private final List<Class<?>> areas;

  Library(String soname, @Nullable String version, String symbols, List<Class<?>> areas) {
    this.soname = soname;
    this.version = version;
    this.symbols = symbols;
    this.areas = areas;
  }

  /** Name under which the dynamic linker finds it. */
  String soname() {
    return soname;
  }

  /** Version of all its symbols, or null when they have none. */
  @Nullable String version() {
    return version;
  }

  /** The classes that implement entry points; each has a constructor that takes the driver. */
  List<Class<?>> areas() {
    return areas;
  }

  /** What an entry point of the library returns for a result. */
  abstract int code(CudaResult result);

  /** The names that JCuda's library binds to, sorted. */
  List<String> symbols() {
    try (InputStream in = Library.class.getResourceAsStream(symbols)) {
      return new String(
              Objects.requireNonNull(in, symbols).readAllBytes(), StandardCharsets.US_ASCII)
          .lines()
          .toList();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** The names of all libraries. */
  static List<String> allSymbols() {
    return Stream.of(values()).flatMap(library -> library.symbols().stream()).toList();
  }
}
