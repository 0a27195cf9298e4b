package dev.warpwright.cuda.moe;

import dev.warpwright.cuda.CudaKernelDevice;
import dev.warpwright.cuda.runtime.DeviceBuffer;
import dev.warpwright.kernels.moe.ExpertWeights;
import dev.warpwright.kernels.moe.PreparedExperts;
import dev.warpwright.kernels.sparse.WeightMatrix;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.stream.Stream;

/** All matrices of a layer in one piece of device memory, behind a table of their addresses. */
final class PreparedExpertsCuda extends PreparedExperts {
  private final DeviceBuffer memory;

  PreparedExpertsCuda(CudaKernelDevice device, ExpertWeights weights) {
    List<MatrixTiles> matrices =
        Stream.<WeightMatrix>concat(weights.gate().stream(), weights.up().stream())
            .map(MatrixTiles::new)
            .toList();
    long table = (long) matrices.size() * MatrixTiles.ENTRY;
    long bytes = table + matrices.stream().mapToLong(MatrixTiles::bytes).sum();
    DeviceBuffer buffer = device.workspace(bytes, "experts");
    try {
      copy(device, matrices, table, buffer);
    } catch (RuntimeException e) {
      buffer.close();
      throw e;
    }
    memory = buffer;
    super(device, weights, bytes);
  }

  private static void copy(
      CudaKernelDevice device, List<MatrixTiles> matrices, long table, DeviceBuffer buffer) {
    long at = table;
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment entries = arena.allocate(table, Long.BYTES);
      for (int m = 0; m < matrices.size(); m++) {
        MatrixTiles matrix = matrices.get(m);
        matrix.writeEntry(buffer.address() + at, entries, (long) m * MatrixTiles.ENTRY);
        try (Arena one = Arena.ofConfined()) {
          MemorySegment tiles = one.allocate(matrix.bytes(), Long.BYTES);
          matrix.write(tiles);
          device.copy(tiles, buffer, at);
        }
        at += matrix.bytes();
      }
      device.copy(entries, buffer, 0);
    }
  }

  /** Address of the table of the gates. */
  long gates() {
    return memory.address();
  }

  /** Address of the table of the up matrices; 0 if there are none. */
  long ups() {
    return isGated() ? memory.address() + (long) experts() * MatrixTiles.ENTRY : 0;
  }

  @Override
  protected void release() {
    memory.close();
  }
}
