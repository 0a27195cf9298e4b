package dev.warpwright.softgpu.driver;

import dev.warpwright.softgpu.CudaResult;
import dev.warpwright.softgpu.sim.DeviceMemory;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * C = alpha op(A) op(B) + beta C, column-major, once a member of the batch. Sums are F32, in the
 * order of k; the result is rounded to the type of C once. C is not read where beta is 0. What is
 * read and written is checked like the accesses of kernels.
 *
 * @param function that was called, for findings
 * @param m rows of C
 * @param n columns of C
 * @param k length of the sums
 * @param a left operand
 * @param b right operand
 * @param c result
 * @param batch number of products
 */
record Gemm(String function, int m, int n, int k, Matrix a, Matrix b, Matrix c, int batch) {
  static final int COMPUTE_32F = 68;
  static final int COMPUTE_32F_PEDANTIC = 69;

  private static final int AS_IT_IS = 0;
  private static final int TRANSPOSED = 1;
  private static final int CONJUGATED = 2;

  /**
   * A matrix as it lies in memory.
   *
   * @param address first element
   * @param type of the elements
   * @param transposed whether the product wants it transposed
   * @param rows rows in memory
   * @param columns columns in memory
   * @param leading elements from column to column
   * @param stride elements from one member of the batch to the next
   */
  record Matrix(
      long address,
      BlasType type,
      boolean transposed,
      int rows,
      int columns,
      int leading,
      long stride) {
    /** An operand that has {@code rows} and {@code columns} after its operation. */
    static Matrix operand(
        long address, int type, int operation, int rows, int columns, int leading, long stride) {
      CudaFailure.require(operation >= AS_IT_IS && operation <= CONJUGATED);
      boolean transposed = operation >= TRANSPOSED;
      return of(
          address,
          type,
          transposed,
          transposed ? columns : rows,
          transposed ? rows : columns,
          leading,
          stride);
    }

    static Matrix result(long address, int type, int rows, int columns, int leading, long stride) {
      return of(address, type, false, rows, columns, leading, stride);
    }

    private static Matrix of(
        long address,
        int type,
        boolean transposed,
        int rows,
        int columns,
        int leading,
        long stride) {
      CudaFailure.require(leading >= Math.max(1, rows));
      return new Matrix(address, BlasType.of(type), transposed, rows, columns, leading, stride);
    }

    private long column(int member, int column) {
      return address + (member * stride + (long) column * leading) * type.bytes();
    }

    /** One member of the batch as the product sees it, row by row. */
    private float[] read(String function, DeviceMemory memory, int member) {
      float[] values = new float[rows * columns];
      MemorySegment bytes = MemorySegment.ofArray(new byte[rows * type.bytes()]);
      for (int column = 0; column < columns; column++) {
        memory.checkLibrary(function, column(member, column), bytes.byteSize(), true);
        memory.copyOut(column(member, column), bytes);
        for (int row = 0; row < rows; row++) {
          values[transposed ? column * rows + row : row * columns + column] = type.get(bytes, row);
        }
      }
      return values;
    }

    private void write(String function, DeviceMemory memory, int member, float[] values) {
      MemorySegment bytes = MemorySegment.ofArray(new byte[rows * type.bytes()]);
      for (int column = 0; column < columns; column++) {
        for (int row = 0; row < rows; row++) {
          type.set(bytes, row, values[row * columns + column]);
        }
        memory.checkLibrary(function, column(member, column), bytes.byteSize(), false);
        memory.copyIn(column(member, column), bytes);
      }
    }
  }

  /** Refuses what cuBLAS does not offer, or this stand-in does not compute. */
  void requireSupported(int compute) {
    CudaFailure.require(
        compute == COMPUTE_32F || compute == COMPUTE_32F_PEDANTIC, CudaResult.NOT_SUPPORTED);
    CudaFailure.require(
        a.type == b.type && (c.type == a.type || c.type == BlasType.F32), CudaResult.NOT_SUPPORTED);
  }

  /** A scalar in device memory. */
  float scalar(DeviceMemory memory, long address) {
    MemorySegment value = MemorySegment.ofArray(new float[1]);
    memory.checkLibrary(function, address, value.byteSize(), true);
    memory.copyOut(address, value);
    return value.get(ValueLayout.JAVA_FLOAT, 0);
  }

  void run(DeviceMemory memory, float alpha, float beta) {
    if (m == 0 || n == 0) {
      return;
    }
    for (int member = 0; member < batch; member++) {
      float[] left = a.read(function, memory, member);
      float[] right = b.read(function, memory, member);
      float[] result = beta == 0 ? new float[m * n] : c.read(function, memory, member);
      for (int row = 0; row < m; row++) {
        for (int column = 0; column < n; column++) {
          float sum = 0;
          for (int i = 0; i < k; i++) {
            sum = Math.fma(left[row * k + i], right[i * n + column], sum);
          }
          int at = row * n + column;
          result[at] = beta == 0 ? alpha * sum : alpha * sum + beta * result[at];
        }
      }
      c.write(function, memory, member, result);
    }
  }
}
