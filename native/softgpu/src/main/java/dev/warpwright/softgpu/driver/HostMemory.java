package dev.warpwright.softgpu.driver;

import dev.warpwright.softgpu.CudaResult;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/** Host memory that the driver has allocated, or pinned for the caller. */
final class HostMemory {
  /**
   * A pinned range.
   *
   * @param owner the context that it goes with
   * @param arena what holds the memory, or null when it is the caller's
   */
  private record Range(
      Context owner, long address, long bytes, int flags, @Nullable Arena arena, String label) {
    void free() {
      if (arena != null) {
        arena.close();
      }
    }
  }

  private static final long PAGE = 4096;

  private final TreeMap<Long, Range> ranges = new TreeMap<>();

  long allocate(Context owner, long bytes, int flags) {
    Arena arena = Arena.ofShared();
    MemorySegment memory = arena.allocate(bytes, PAGE);
    long address = memory.address();
    ranges.put(
        address, new Range(owner, address, bytes, flags, arena, CallSite.label("cuMemHostAlloc")));
    return address;
  }

  void free(long address) {
    Range range = ranges.get(address);
    if (range == null || range.arena == null) {
      throw new CudaFailure(CudaResult.INVALID_VALUE);
    }
    ranges.remove(address);
    range.arena.close();
  }

  void register(Context owner, long address, long bytes, int flags) {
    Map.Entry<Long, Range> below = ranges.lowerEntry(address + bytes);
    CudaFailure.require(
        below == null || below.getKey() + below.getValue().bytes <= address,
        CudaResult.HOST_MEMORY_ALREADY_REGISTERED);
    String label = CallSite.label("cuMemHostRegister");
    ranges.put(address, new Range(owner, address, bytes, flags, null, label));
  }

  void unregister(long address) {
    Range range = ranges.get(address);
    CudaFailure.require(
        range != null && range.arena == null, CudaResult.HOST_MEMORY_NOT_REGISTERED);
    ranges.remove(address);
  }

  /** Whether all of a range is pinned. */
  boolean isPinned(long address, long bytes) {
    Map.Entry<Long, Range> entry = ranges.floorEntry(address);
    return entry != null && bytes <= entry.getValue().bytes - (address - entry.getValue().address);
  }

  /** Flags that the memory at an address was pinned with; INVALID_VALUE when it is not. */
  int flags(long address) {
    CudaFailure.require(isPinned(address, 1));
    return ranges.floorEntry(address).getValue().flags;
  }

  /** What is pinned and goes with a context, a readable line each. */
  List<String> live(Context owner) {
    return ranges.values().stream()
        .filter(range -> range.owner == owner)
        .map(range -> "pinned host memory: " + range.label + " (" + range.bytes + " bytes)")
        .toList();
  }

  /** Frees what a context has left. */
  void releaseAll(Context owner) {
    ranges
        .values()
        .removeIf(
            range -> {
              if (range.owner != owner) {
                return false;
              }
              range.free();
              return true;
            });
  }

  /** Frees all that is left. */
  void close() {
    ranges.values().forEach(Range::free);
    ranges.clear();
  }
}
