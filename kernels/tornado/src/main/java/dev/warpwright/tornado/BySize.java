package dev.warpwright.tornado;

import dev.warpwright.kernels.Resource;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.IntFunction;

/**
 * Programs of one kernel for different numbers of rows, made when they are needed first: sizes are
 * powers of four, so that a short run does not copy arrays that are made for the longest one, and
 * not many programs are compiled.
 *
 * @param <T> a program and its arrays
 */
public final class BySize<T extends Resource> implements Resource {
  private final TornadoKernelDevice device;
  private final Object key;
  private final int most;
  private final IntFunction<T> make;
  private final Map<Integer, T> made = new TreeMap<>();

  /**
   * No programs yet.
   *
   * @param device the device
   * @param key what the program depends on beside its size: equal keys share idle programs
   * @param most the largest size
   * @param make makes the program of a size
   */
  public BySize(TornadoKernelDevice device, Object key, int most, IntFunction<T> make) {
    this.device = device;
    this.key = key;
    this.most = most;
    this.make = make;
  }

  /** The program for {@code rows} rows. */
  public T get(int rows) {
    return made.computeIfAbsent(
        capacity(rows, most), size -> device.lease(List.of(key, size), () -> make.apply(size)));
  }

  /** The next power of four, or {@code most} where that is less. */
  public static int capacity(int rows, int most) {
    int bits = Integer.SIZE - Integer.numberOfLeadingZeros(Math.max(rows, 1) - 1);
    return (int) Math.min(most, 1L << (bits + (bits & 1)));
  }

  @Override
  public void close() {
    made.forEach((size, program) -> device.giveBack(List.of(key, size), program));
    made.clear();
  }
}
