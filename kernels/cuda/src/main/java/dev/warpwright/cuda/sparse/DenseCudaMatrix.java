package dev.warpwright.cuda.sparse;

import dev.warpwright.cuda.CudaKernelDevice;
import dev.warpwright.cuda.runtime.KernelArguments;
import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.sparse.DenseMatrix;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/** The layout of {@code matmul.cu}: rows padded with zeros. */
final class DenseCudaMatrix extends CudaMatrix {
  /** Bytes of a row of which four lanes load 16 each. */
  private static final int ROW_UNIT = 64;

  /** Bytes of a slice; its sums are 256 bytes a row of x. */
  private static final int SLICE_BYTES = 16 << 10;

  private final long address;
  private final long stride;
  private final int sliceColumns;
  private final int slices;

  DenseCudaMatrix(CudaKernelDevice device, DenseMatrix matrix) {
    DType dtype = matrix.weights().dtype();
    long row = (long) matrix.columns() * dtype.bytes();
    long padded = Math.ceilDiv(row, ROW_UNIT) * ROW_UNIT;
    super(device, matrix, room(padded * matrix.rows()));
    stride = padded / dtype.bytes();
    sliceColumns = sliceColumns(dtype);
    slices = Blocks.count(matrix.rows()) * slices(dtype, matrix.columns());
    MemorySegment weights = matrix.weights().segment();
    try (Arena arena = Arena.ofShared()) {
      address = put(row == padded ? weights : pad(arena, weights, matrix.rows(), row, padded));
    } catch (RuntimeException e) {
      close();
      throw e;
    }
  }

  private static MemorySegment pad(
      Arena arena, MemorySegment weights, int rows, long row, long padded) {
    MemorySegment into = arena.allocate(rows * padded);
    for (int n = 0; n < rows; n++) {
      MemorySegment.copy(weights, n * row, into, n * padded, row);
    }
    return into;
  }

  private static int sliceColumns(DType dtype) {
    return SLICE_BYTES / Blocks.ROWS / dtype.bytes();
  }

  /** Slices of a block. */
  static int slices(DType dtype, int columns) {
    return Math.ceilDiv(columns, sliceColumns(dtype));
  }

  @Override
  int slices() {
    return slices;
  }

  @Override
  void addTo(KernelArguments arguments) {
    arguments.add(address).add(stride).add(sliceColumns);
  }
}
