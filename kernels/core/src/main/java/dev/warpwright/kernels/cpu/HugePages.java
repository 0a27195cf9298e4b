package dev.warpwright.kernels.cpu;

import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import org.jspecify.annotations.Nullable;

/**
 * Asks Linux to back large native memory with huge pages, which lets one thread stream weights
 * about a tenth faster. Only done where native access is enabled for this module, because asking
 * for it otherwise prints a warning into the user's output.
 */
public final class HugePages {
  private static final long PAGE = 4096;
  private static final long HUGE_PAGE = 2 << 20;
  private static final int MADV_HUGEPAGE = 14;
  private static final int MADV_COLLAPSE = 25;
  private static final @Nullable MethodHandle MADVISE = madvise();

  private HugePages() {}

  private static @Nullable MethodHandle madvise() {
    if (!System.getProperty("os.name").equals("Linux")
        || !HugePages.class.getModule().isNativeAccessEnabled()) {
      return null;
    }
    Linker linker = Linker.nativeLinker();
    return linker
        .defaultLookup()
        .find("madvise")
        .map(
            address ->
                linker.downcallHandle(
                    address,
                    FunctionDescriptor.of(
                        ValueLayout.JAVA_INT,
                        ValueLayout.JAVA_LONG,
                        ValueLayout.JAVA_LONG,
                        ValueLayout.JAVA_INT)))
        .orElse(null);
  }

  /**
   * Asks for huge pages behind a native segment; does nothing for small or heap segments, on other
   * systems, and without native access. Contents do not change.
   */
  public static void advise(MemorySegment segment) {
    if (MADVISE == null || !segment.isNative() || segment.byteSize() < 2 * HUGE_PAGE) {
      return;
    }
    long from = (segment.address() + PAGE - 1) & -PAGE;
    long bytes = ((segment.address() + segment.byteSize()) & -PAGE) - from;
    try {
      // Arenas zero what they allocate, so small pages are there already: they are collapsed at
      // once, and the advice holds for pages that come back after being swapped out. The results
      // are not looked at: a kernel that refuses (too old, switched off, no free huge page) leaves
      // the memory as it was, which is correct and only slower.
      int advised = (int) MADVISE.invokeExact(from, bytes, MADV_HUGEPAGE);
      int collapsed = (int) MADVISE.invokeExact(from, bytes, MADV_COLLAPSE);
      assert advised <= 0 && collapsed <= 0;
    } catch (Error | RuntimeException e) {
      throw e;
    } catch (Throwable e) {
      throw new AssertionError("madvise declares no checked exception", e);
    }
  }
}
