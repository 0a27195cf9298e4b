package dev.warpwright.cuda.moe;

import dev.warpwright.cuda.CudaKernelDevice;
import dev.warpwright.cuda.runtime.DeviceBuffer;
import dev.warpwright.cuda.sparse.MatrixForm;
import dev.warpwright.kernels.moe.ExpertWeights;
import dev.warpwright.kernels.moe.PreparedExperts;
import dev.warpwright.kernels.sparse.WeightMatrix;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.function.ToIntFunction;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/** All matrices of a layer in one piece of device memory, behind their records. */
final class PreparedExpertsCuda extends PreparedExperts {
  private final DeviceBuffer memory;
  private final int recordBytes;
  private final int mostSlices;
  private final int mostShares;

  PreparedExpertsCuda(CudaKernelDevice device, ExpertWeights weights) {
    List<MatrixForm> matrices =
        Stream.<WeightMatrix>concat(weights.gate().stream(), weights.up().stream())
            .map(MatrixForm::of)
            .toList();
    int record = matrices.getFirst().recordBytes();
    long table = MatrixForm.room((long) matrices.size() * record);
    long bytes = table + matrices.stream().mapToLong(MatrixForm::bytes).sum();
    DeviceBuffer buffer = device.workspace(bytes, "experts");
    try {
      copy(device, matrices, table, buffer);
    } catch (RuntimeException e) {
      buffer.close();
      throw e;
    }
    memory = buffer;
    recordBytes = record;
    mostSlices = most(matrices, weights.experts(), MatrixForm::slices);
    mostShares = most(matrices, weights.experts(), MatrixForm::shares);
    super(device, weights, bytes);
  }

  private static void copy(
      CudaKernelDevice device, List<MatrixForm> matrices, long table, DeviceBuffer buffer) {
    try (Arena arena = Arena.ofShared()) {
      MemorySegment records = arena.allocate(table, Long.BYTES);
      long at = table;
      long record = 0;
      for (MatrixForm matrix : matrices) {
        matrix.writeRecord(buffer.address() + at, records, record);
        matrix.copy(device, buffer, at);
        at += matrix.bytes();
        record += matrix.recordBytes();
      }
      device.copy(records, buffer, 0);
    }
  }

  /** The most that the matrices of an expert have together. */
  private static int most(List<MatrixForm> matrices, int experts, ToIntFunction<MatrixForm> count) {
    return IntStream.range(0, experts)
        .map(
            expert ->
                IntStream.iterate(expert, m -> m < matrices.size(), m -> m + experts)
                    .map(m -> count.applyAsInt(matrices.get(m)))
                    .sum())
        .max()
        .orElseThrow();
  }

  /** Address of the records of the gates. */
  long gates() {
    return memory.address();
  }

  /** Address of the records of the up matrices; 0 if there are none. */
  long ups() {
    return isGated() ? memory.address() + (long) experts() * recordBytes : 0;
  }

  /** Slices of both matrices of an expert at most. */
  int mostSlices() {
    return mostSlices;
  }

  /** Shares of both matrices of an expert at most. */
  int mostShares() {
    return mostShares;
  }

  @Override
  protected void release() {
    memory.close();
  }
}
