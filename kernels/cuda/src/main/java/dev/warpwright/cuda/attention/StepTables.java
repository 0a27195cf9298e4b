package dev.warpwright.cuda.attention;

import dev.warpwright.cuda.CudaKernelDevice;
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
        add(batch.firstPosition(request) + i);
      }
    }
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

  /** Device address of the lengths of a layer's rows. */
  long lengths(int layer) {
    return address(layer * rowsOfLayer);
  }

  /** Device address of the index of the first page of each of a layer's rows. */
  long starts(int layer) {
    return address(starts + layer * rowsOfLayer);
  }

  /** Device address of the pages of all rows. */
  long pages() {
    return address(pages);
  }

  /** Device address of the logical positions of the tokens. */
  long positions() {
    return address(positions);
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
