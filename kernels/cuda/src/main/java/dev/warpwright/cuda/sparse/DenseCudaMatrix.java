package dev.warpwright.cuda.sparse;

import dev.warpwright.cuda.CudaKernelDevice;
import dev.warpwright.cuda.runtime.KernelArguments;
import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.sparse.DenseMatrix;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/** The layout of {@code matmul.cu}: rows padded with zeros. */
final class DenseCudaMatrix extends CudaMatrix {
  /** Columns of a chunk. */
  static final int CHUNK = 32;

  /** Bytes of a row in a slice. */
  private static final int SLICE_ROW = 512;

  private final long address;
  private final long stride;
  private final int slices;
  private final int shares;

  DenseCudaMatrix(CudaKernelDevice device, DenseMatrix matrix) {
    DType dtype = matrix.weights().dtype();
    long row = (long) matrix.columns() * dtype.bytes();
    long chunk = (long) CHUNK * dtype.bytes();
    long padded = Math.ceilDiv(row, chunk) * chunk;
    super(device, matrix, room(padded * matrix.rows()));
    stride = padded / dtype.bytes();
    int panels = Blocks.panels(matrix.rows());
    int panelSlices = slices(dtype, matrix.columns());
    slices = panels * panelSlices;
    shares = panels * ChunkSizes.shares(panelSlices);
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

  /** Slices of a panel. */
  static int slices(DType dtype, int columns) {
    return Math.toIntExact(Math.ceilDiv((long) columns * dtype.bytes(), SLICE_ROW));
  }

  @Override
  int slices() {
    return slices;
  }

  @Override
  int shares() {
    return shares;
  }

  @Override
  void addTo(KernelArguments arguments) {
    arguments.add(address).add(stride);
  }
}
