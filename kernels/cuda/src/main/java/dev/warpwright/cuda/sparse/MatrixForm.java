package dev.warpwright.cuda.sparse;

import dev.warpwright.cuda.CudaKernelDevice;
import dev.warpwright.cuda.runtime.DeviceBuffer;
import dev.warpwright.kernels.sparse.DenseMatrix;
import dev.warpwright.kernels.sparse.GroupSparseMatrix;
import dev.warpwright.kernels.sparse.QuantMatrix;
import dev.warpwright.kernels.sparse.WeightMatrix;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * A matrix in the layout of the kernels: parts one behind the other, and a record of their
 * addresses.
 */
public abstract class MatrixForm {
  private static final long ALIGNMENT = 64;

  MatrixForm() {}

  /** The form of {@code matrix}. */
  public static MatrixForm of(WeightMatrix matrix) {
    return switch (matrix) {
      case DenseMatrix dense -> new DenseForm(dense);
      case QuantMatrix quant -> new GroupForm(KeptGroups.of(quant), quant);
      case GroupSparseMatrix sparse -> new GroupForm(KeptGroups.of(sparse), sparse);
    };
  }

  /** Room that a part takes. */
  public static long room(long bytes) {
    return Math.ceilDiv(bytes, ALIGNMENT) * ALIGNMENT;
  }

  /** Number of slices of all panels. */
  public abstract int slices();

  /** Number of shares of all panels. */
  public abstract int shares();

  /** Sizes of the parts. */
  abstract long[] partBytes();

  /** The parts. */
  abstract MemorySegment[] parts(Arena arena);

  /** Bytes of the record that tells a kernel where the parts are. */
  public abstract int recordBytes();

  /**
   * Writes the record.
   *
   * @param addresses of the parts
   */
  abstract void writeRecord(long[] addresses, MemorySegment to, long at);

  /** Writes the record of a matrix whose parts begin at {@code address}. */
  public final void writeRecord(long address, MemorySegment to, long at) {
    long[] bytes = partBytes();
    long[] addresses = new long[bytes.length];
    long next = address;
    for (int part = 0; part < bytes.length; part++) {
      addresses[part] = next;
      next += room(bytes[part]);
    }
    writeRecord(addresses, to, at);
  }

  /** Bytes of all parts on the device. */
  public final long bytes() {
    long bytes = 0;
    for (long part : partBytes()) {
      bytes += room(part);
    }
    return bytes;
  }

  /** Brings all parts to the device. */
  public final void copy(CudaKernelDevice device, DeviceBuffer to, long offset) {
    try (Arena arena = Arena.ofShared()) {
      long next = offset;
      for (MemorySegment part : parts(arena)) {
        if (part.byteSize() > 0) {
          device.copy(part, to, next);
        }
        next += room(part.byteSize());
      }
    }
  }
}
