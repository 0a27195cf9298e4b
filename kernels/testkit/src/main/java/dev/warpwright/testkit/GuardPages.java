package dev.warpwright.testkit;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.util.Locale;

/**
 * Native memory between two unreadable pages: code that does not go through the JVM's bounds checks
 * dies when it leaves the memory by one byte. Linux and macOS only, and only where this module has
 * native access.
 */
public final class GuardPages {
  /** A multiple of the page size of every machine. */
  private static final long PAGE = 64 << 10;

  private static final int READ_WRITE = 3;
  private static final int NONE = 0;
  private static final String SYSTEM = System.getProperty("os.name").toLowerCase(Locale.ROOT);
  private static final boolean MAC = SYSTEM.startsWith("mac");

  /** {@code MAP_PRIVATE | MAP_ANONYMOUS}. */
  private static final int PRIVATE_ANONYMOUS = MAC ? 0x1002 : 0x22;

  private GuardPages() {}

  /** Whether {@link #allocate} works here. */
  public static boolean available() {
    return (MAC || SYSTEM.equals("linux")) && GuardPages.class.getModule().isNativeAccessEnabled();
  }

  /**
   * Memory of at least {@code bytes} bytes, in whole pages: its first byte follows one unreadable
   * page and its last byte precedes another.
   */
  public static MemorySegment allocate(Arena arena, long bytes) {
    long inside = Math.max(1, (bytes + PAGE - 1) / PAGE) * PAGE;
    long all = inside + 2 * PAGE;
    try {
      long address = (long) Native.MMAP.invokeExact(0L, all, READ_WRITE, PRIVATE_ANONYMOUS, -1, 0L);
      if (address == -1) {
        throw new OutOfMemoryError("mmap of " + all + " bytes");
      }
      MemorySegment memory =
          MemorySegment.ofAddress(address + PAGE)
              .reinterpret(inside, arena, segment -> unmap(address, all));
      if ((int) Native.MPROTECT.invokeExact(address, PAGE, NONE) != 0
          || (int) Native.MPROTECT.invokeExact(address + PAGE + inside, PAGE, NONE) != 0) {
        throw new IllegalStateException("mprotect failed");
      }
      return memory;
    } catch (Error | RuntimeException e) {
      throw e;
    } catch (Throwable e) {
      throw new AssertionError("native functions declare no checked exception", e);
    }
  }

  private static void unmap(long address, long bytes) {
    try {
      int result = (int) Native.MUNMAP.invokeExact(address, bytes);
      assert result == 0;
    } catch (Error | RuntimeException e) {
      throw e;
    } catch (Throwable e) {
      throw new AssertionError("munmap declares no checked exception", e);
    }
  }

  /** Loaded only where the functions exist. */
  private static final class Native {
    static final MethodHandle MMAP =
        function(
            "mmap",
            FunctionDescriptor.of(
                ValueLayout.JAVA_LONG,
                ValueLayout.JAVA_LONG,
                ValueLayout.JAVA_LONG,
                ValueLayout.JAVA_INT,
                ValueLayout.JAVA_INT,
                ValueLayout.JAVA_INT,
                ValueLayout.JAVA_LONG));
    static final MethodHandle MPROTECT =
        function(
            "mprotect",
            FunctionDescriptor.of(
                ValueLayout.JAVA_INT,
                ValueLayout.JAVA_LONG,
                ValueLayout.JAVA_LONG,
                ValueLayout.JAVA_INT));
    static final MethodHandle MUNMAP =
        function(
            "munmap",
            FunctionDescriptor.of(
                ValueLayout.JAVA_INT, ValueLayout.JAVA_LONG, ValueLayout.JAVA_LONG));

    private static MethodHandle function(String name, FunctionDescriptor type) {
      Linker linker = Linker.nativeLinker();
      return linker.downcallHandle(linker.defaultLookup().findOrThrow(name), type);
    }
  }
}
