package dev.warpwright.cuda.attention;

import dev.warpwright.cuda.CudaKernelDevice;
import dev.warpwright.cuda.runtime.KernelArguments;
import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.Resource;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.attention.PageTables;
import java.util.Arrays;

/**
 * The page tables of a step on the device, beside the positions of its query tokens and lists that
 * a kernel needs: all numbers go to the device in one copy.
 */
final class StepTables implements Resource {
  private final CudaKernelDevice device;
  private final GrowingBuffer buffer;
  private int[] numbers = new int[64];
  private int count;
  private int rowsOfLayer;
  private int starts;
  private int pages;
  private int positions;
  private int slotStarts;

  StepTables(CudaKernelDevice device, String holder) {
    this.device = device;
    this.buffer = new GrowingBuffer(device, holder);
  }

  /** Starts a step with the tables of {@code batch}. */
  void begin(PageTables batch) {
    count = 0;
    rowsOfLayer = batch.requests() * batch.kvHeads();
    int rows = batch.layers() * rowsOfLayer;
    for (int row = 0; row < rows; row++) {
      add(batch.length(row));
    }
    starts = count;
    int start = 0;
    for (int row = 0; row < rows; row++) {
      add(start);
      start += batch.pageCount(row);
    }
    pages = count;
    for (int row = 0; row < rows; row++) {
      for (int index = 0; index < batch.pageCount(row); index++) {
        add(batch.page(row, index));
      }
    }
    positions = count;
    for (int request = 0; request < batch.requests(); request++) {
      for (int i = 0; i < batch.newTokens(request); i++) {
        add(batch.position(request, i));
      }
    }
  }

  /**
   * Adds where the slots of each row begin in a per-slot tensor of its layer, as 64-bit numbers.
   */
  void addSlotStarts(PageTables batch) {
    if (count % 2 != 0) {
      add(0);
    }
    slotStarts = count;
    for (int row = 0; row < batch.layers() * rowsOfLayer; row++) {
      long start = batch.slotStart(row);
      add((int) start);
      add((int) (start >>> Integer.SIZE));
    }
  }

  /** Most slots of a layer. */
  static long mostSlots(PageTables batch) {
    long most = 0;
    for (int layer = 0; layer < batch.layers(); layer++) {
      most = Math.max(most, batch.slots(layer));
    }
    return most;
  }

  /** Index of the next number of a list. */
  int next() {
    return count;
  }

  /** Adds a number to the list under way. */
  void add(int number) {
    if (count == numbers.length) {
      numbers = Arrays.copyOf(numbers, Math.addExact(count, count));
    }
    numbers[count++] = number;
  }

  /** Brings all to the device. */
  void upload() {
    if (count == 0) {
      return;
    }
    buffer.reserve((long) Integer.BYTES * count);
    device.copy(
        Tensor.wrap(numbers, numbers.length).slice(0, count),
        Tensor.of(buffer.memory(), 0, DType.I32, count));
  }

  /** Device address of a number. */
  long address(int index) {
    return buffer.address() + (long) Integer.BYTES * index;
  }

  /** Device address of the logical positions of the tokens. */
  long positions() {
    return address(positions);
  }

  /** Device address of the lengths of a layer's rows. */
  long lengths(int layer) {
    return address(layer * rowsOfLayer);
  }

  /** Device address of where the slots of a layer's rows begin. */
  long slotStarts(int layer) {
    return address(slotStarts + 2 * layer * rowsOfLayer);
  }

  /** Adds lengths, starts and pages of a layer's rows. */
  void addTo(KernelArguments arguments, int layer) {
    arguments.add(lengths(layer)).add(address(starts + layer * rowsOfLayer)).add(address(pages));
  }

  /** Bytes on the device. */
  long bytes() {
    return buffer.bytes();
  }

  @Override
  public void close() {
    buffer.close();
  }
}
