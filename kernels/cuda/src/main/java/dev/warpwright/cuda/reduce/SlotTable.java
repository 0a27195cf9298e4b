package dev.warpwright.cuda.reduce;

import dev.warpwright.cuda.CudaKernelDevice;
import dev.warpwright.cuda.CudaRun;
import dev.warpwright.cuda.runtime.CudaFunction;
import dev.warpwright.cuda.runtime.LaunchGrid;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * Addresses and weights of slots. They go to the device as arguments of launches, a part at a time,
 * and not as copies of host memory: captured launches keep them.
 */
final class SlotTable {
  /** Slots of a part; see the source. */
  private static final int PART = 256;

  private static final long PART_BYTES = PART * (Long.BYTES + (long) Float.BYTES);

  /** Slots are read in groups; what is behind the last one is missing. */
  private static final int GROUP = 8;

  private final CudaFunction write;
  private final int padded;
  private final long[] addresses;
  private final float[] weights;
  private final MemorySegment part = Arena.ofAuto().allocate(PART_BYTES, Long.BYTES);

  SlotTable(CudaKernelDevice device, int slots) {
    write = device.function(TreeReduceCuda.SOURCE, "tree_reduce_table");
    padded = padded(slots);
    addresses = new long[padded];
    weights = new float[padded];
  }

  private static int padded(int slots) {
    return Math.ceilDiv(slots, GROUP) * GROUP;
  }

  /** Bytes on the device. */
  static long bytes(int slots) {
    return padded(slots) * (Long.BYTES + (long) Float.BYTES);
  }

  /** Sets the address of a slot, 0 if it is missing. */
  void set(int slot, long address, float weight) {
    addresses[slot] = address;
    weights[slot] = weight;
  }

  /** Device address of the weights, if the table begins at {@code table}. */
  long weights(long table) {
    return table + (long) Long.BYTES * padded;
  }

  /** Brings all to the device. */
  void write(CudaRun run, long table) {
    for (int first = 0; first < padded; first += PART) {
      int count = Math.min(PART, padded - first);
      MemorySegment.copy(addresses, first, part, ValueLayout.JAVA_LONG, 0, count);
      long behind = (long) Long.BYTES * PART;
      MemorySegment.copy(weights, first, part, ValueLayout.JAVA_FLOAT, behind, count);
      run.arguments().add(part).add(first).add(count).add(table).add(weights(table));
      run.launch(write, LaunchGrid.of(1, PART));
    }
  }
}
