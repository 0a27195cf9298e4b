package dev.warpwright.kernels.cpu;

import java.io.IOException;
import java.io.InputStream;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.NoSuchElementException;
import org.jspecify.annotations.Nullable;

/**
 * The C kernels of the artifact {@code warpwright-cpu-native}, loaded once a JVM: found as a
 * resource on the class path, copied to a temporary file for the loader, and used if this processor
 * can run them.
 *
 * <p>Calls are {@linkplain Linker.Option#critical critical}: heap arrays are passed without a copy,
 * and the garbage collector waits for their end. So a call does a small part of a kernel's work.
 * Native segments that are passed cannot be freed during the call.
 */
public final class NativeLibrary {
  private static final String RESOURCE =
      "META-INF/warpwright/native/linux-x86_64/libwarpwright_cpu.so";

  /** {@code WW_ABI} of {@code warpwright_cpu.h}. */
  private static final int ABI = 4;

  /** What {@code ww_level} gives for AVX-512 with VNNI. */
  private static final int LEVEL = 2;

  private static final NativeLibrary LOADED = load();

  private final @Nullable SymbolLookup symbols;
  private final @Nullable String refusal;

  private NativeLibrary(@Nullable SymbolLookup symbols, @Nullable String refusal) {
    this.symbols = symbols;
    this.refusal = refusal;
  }

  /** Why there are no C kernels, and what to do about it; null if there are. */
  public static @Nullable String refusal() {
    return LOADED.refusal;
  }

  /** A function without a result. Pointers are segments, all other arguments 64-bit integers. */
  public static MethodHandle procedure(String name, MemoryLayout... arguments) {
    return link(name, FunctionDescriptor.ofVoid(arguments));
  }

  /** A function that gives a 32-bit integer. */
  public static MethodHandle function(String name, MemoryLayout... arguments) {
    return link(name, FunctionDescriptor.of(ValueLayout.JAVA_INT, arguments));
  }

  private static MethodHandle link(String name, FunctionDescriptor type) {
    SymbolLookup symbols = LOADED.symbols;
    if (symbols == null) {
      throw new IllegalStateException("no C kernels: " + LOADED.refusal);
    }
    return downcall(symbols, name, type);
  }

  private static MethodHandle downcall(SymbolLookup symbols, String name, FunctionDescriptor type) {
    return Linker.nativeLinker()
        .downcallHandle(symbols.findOrThrow(name), type, Linker.Option.critical(true));
  }

  private static NativeLibrary refused(String reason) {
    return new NativeLibrary(null, reason);
  }

  private static NativeLibrary load() {
    if (!System.getProperty("os.name").equals("Linux")
        || !System.getProperty("os.arch").equals("amd64")) {
      return refused("there are none for this system");
    }
    Module module = NativeLibrary.class.getModule();
    if (!module.isNativeAccessEnabled()) {
      return refused(
          "native access is not enabled: start java with --enable-native-access="
              + (module.isNamed() ? module.getName() : "ALL-UNNAMED"));
    }
    try (InputStream resource =
        NativeLibrary.class.getClassLoader().getResourceAsStream(RESOURCE)) {
      if (resource == null) {
        return refused("warpwright-cpu-native is not on the class path, or was built without gcc");
      }
      return open(resource);
    } catch (IOException | IllegalArgumentException | NoSuchElementException e) {
      return refused("they cannot be loaded: " + e);
    }
  }

  private static NativeLibrary open(InputStream resource) throws IOException {
    // The loader takes files only, and has read the file when it returns.
    Path file = Files.createTempFile("warpwright", ".so");
    SymbolLookup symbols;
    try {
      Files.copy(resource, file, StandardCopyOption.REPLACE_EXISTING);
      symbols = SymbolLookup.libraryLookup(file, Arena.global());
    } finally {
      Files.delete(file);
    }
    int abi = number(symbols, "ww_abi");
    if (abi != ABI) {
      return refused("warpwright-cpu-native is of another version: ABI " + abi + ", not " + ABI);
    }
    if (number(symbols, "ww_level") < LEVEL) {
      return refused("this processor lacks AVX-512 with VNNI");
    }
    return new NativeLibrary(symbols, null);
  }

  private static int number(SymbolLookup symbols, String name) {
    try {
      return (int)
          downcall(symbols, name, FunctionDescriptor.of(ValueLayout.JAVA_INT)).invokeExact();
    } catch (Throwable e) {
      throw failed(e);
    }
  }

  /** What to throw when a call has thrown: C functions throw nothing that is checked. */
  public static RuntimeException failed(Throwable e) {
    if (e instanceof RuntimeException unchecked) {
      throw unchecked;
    }
    if (e instanceof Error error) {
      throw error;
    }
    throw new AssertionError("a C function declares no checked exception", e);
  }

  /**
   * Closes an arena whose memory may be in use by a call on another thread: waits for the end of
   * that call.
   */
  public static void close(Arena arena) {
    while (true) {
      try {
        arena.close();
        return;
      } catch (IllegalStateException e) {
        if (!arena.scope().isAlive()) {
          throw e;
        }
        Thread.onSpinWait();
      }
    }
  }

  /** Room for {@code bytes} that lives as long as the segment is referenced, aligned to a line. */
  public static MemorySegment allocate(long bytes) {
    return Arena.ofAuto().allocate(Math.max(bytes, 1), 64);
  }
}
