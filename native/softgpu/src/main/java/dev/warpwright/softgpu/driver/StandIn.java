package dev.warpwright.softgpu.driver;

import dev.warpwright.softgpu.CudaResult;
import dev.warpwright.softgpu.driver.EntryTable.Entry;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The stand-ins for {@code libcuda.so.1} and {@code libcublas.so.12}. Each is written to a file,
 * loaded and deleted; from then on the dynamic linker gives it to every library that asks for that
 * name. They stay loaded until the JVM ends, and send each call to the driver that is installed at
 * that moment. Without one it they behave as a machine that has the library and no device.
 */
public final class StandIn {
  /** System property: the machine has a driver and no cuBLAS. */
  private static final String WITHOUT_CUBLAS = "warpwright.softgpu.withoutCublas";

  private static volatile @Nullable Driver installed;
  private static boolean loaded;

  private StandIn() {}

  /** Why the stand-in cannot be loaded here, or null. */
  public static @Nullable String unavailable() {
    String os = System.getProperty("os.name", "");
    String architecture = System.getProperty("os.arch", "");
    return os.equals("Linux") && architecture.equals("amd64")
        ? null
        : "the software GPU needs Linux on x86-64, this is " + os + " on " + architecture;
  }

  /** Sends all calls to {@code driver} from now on; null means a library without a device. */
  public static void install(@Nullable Driver driver) {
    load();
    installed = driver;
  }

  /** Names of all exported functions. */
  public static List<String> symbols() {
    return Library.allSymbols();
  }

  /**
   * Loads the libraries once. Must come before JCuda's driver class is initialised on a machine
   * that has a real driver.
   */
  public static synchronized void load() {
    if (loaded) {
      return;
    }
    String reason = unavailable();
    if (reason != null) {
      throw new IllegalStateException(reason);
    }
    refuseBesideTheRealDriver();
    for (Library library : Library.values()) {
      if (library != Library.CUBLAS || !Boolean.getBoolean(WITHOUT_CUBLAS)) {
        load(library);
      }
    }
    loaded = true;
  }

  private static void refuseBesideTheRealDriver() {
    try {
      if (Files.readString(Path.of("/proc/self/maps")).contains("/libcuda.so")) {
        throw new IllegalStateException(
            "a CUDA driver is loaded in this JVM already; a process is either simulated or real");
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static void load(Library library) {
    List<String> symbols = library.symbols();
    int otherwise = library.code(CudaResult.NOT_SUPPORTED);
    byte[] image = ElfImage.build(library.soname(), library.version(), symbols, otherwise);
    MemorySegment table = table(open(library.soname(), image), symbols.size());
    Map<String, Entry> entries = EntryTable.read(library);
    for (int i = 0; i < symbols.size(); i++) {
      Entry entry = entries.get(symbols.get(i));
      if (entry != null) {
        table.setAtIndex(ValueLayout.ADDRESS, i, stub(entry));
      } else if (symbols.get(i).equals(DeviceNames.SYMBOL)) {
        table.setAtIndex(ValueLayout.ADDRESS, i, nameStub());
      }
    }
  }

  private static MemorySegment table(SymbolLookup library, int slots) {
    return library
        .find(ElfImage.TABLE)
        .orElseThrow()
        .reinterpret(ValueLayout.ADDRESS.byteSize() * slots);
  }

  private static SymbolLookup open(String soname, byte[] image) {
    try {
      Path folder = Files.createTempDirectory("softgpu");
      Path file = folder.resolve(soname);
      try {
        Files.write(file, image);
        return SymbolLookup.libraryLookup(file, Arena.global());
      } finally {
        Files.deleteIfExists(file);
        Files.delete(folder);
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static MemorySegment nameStub() {
    MethodType type = MethodType.methodType(int.class, long.class, int.class, int.class);
    try {
      return Linker.nativeLinker()
          .upcallStub(
              MethodHandles.lookup().findStatic(StandIn.class, "deviceGetName", type),
              FunctionDescriptor.of(
                  ValueLayout.JAVA_INT,
                  ValueLayout.JAVA_LONG,
                  ValueLayout.JAVA_INT,
                  ValueLayout.JAVA_INT),
              Arena.global());
    } catch (ReflectiveOperationException e) {
      throw new LinkageError("stub of " + DeviceNames.SYMBOL, e);
    }
  }

  /** Called from native code with an array pinned; see {@link DeviceNames}. */
  @SuppressWarnings("UnusedMethod")
  private static int deviceGetName(long address, int capacity, int ordinal) {
    Driver driver = installed;
    if (driver == null) {
      return CudaResult.NO_DEVICE.code();
    }
    try {
      return driver.names().put(driver.isInitialised(), address, capacity, ordinal).code();
    } catch (Throwable e) { // from an action of a test; it would end the JVM
      driver.escaped(e);
      return CudaResult.UNKNOWN.code();
    }
  }

  private static MemorySegment stub(Entry entry) {
    MethodType type = entry.signature().toMethodType();
    try {
      MethodHandle dispatch =
          MethodHandles.lookup()
              .findStatic(
                  StandIn.class,
                  "dispatch",
                  MethodType.methodType(int.class, Entry.class, Object[].class))
              .bindTo(entry)
              .asCollector(Object[].class, type.parameterCount())
              .asType(type);
      return Linker.nativeLinker().upcallStub(dispatch, entry.signature(), Arena.global());
    } catch (ReflectiveOperationException e) {
      throw new LinkageError("stub of " + entry.symbol(), e);
    }
  }

  /**
   * Called from native code through its handle: nothing may be thrown out of it, that would end the
   * JVM.
   */
  @SuppressWarnings("UnusedMethod")
  private static int dispatch(Entry entry, Object[] arguments) {
    try {
      Driver driver = installed;
      CudaResult result = driver == null ? CudaResult.NO_DEVICE : driver.call(entry, arguments);
      return entry.library().code(result);
    } catch (Throwable e) {
      return entry.library().code(CudaResult.UNKNOWN);
    }
  }
}
