package dev.warpwright.kernels.attention;

import dev.warpwright.kernels.Checks;
import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.Tensor;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/**
 * Pages outside of a pool, one after the other, in canonical form: what moves to another pool, and
 * where swapped pages rest.
 *
 * @param keys {@code [pages, pageSize, headDim]} of the pool's element type
 * @param values of the same shape and type
 * @param positions logical positions, I32 {@code [pages, pageSize]}
 * @param numbers for each {@link SlotArray} of the pool, in their order, F32 {@code [pages,
 *     pageSize, width]}
 */
public record PageBuffer(Tensor keys, Tensor values, Tensor positions, List<Tensor> numbers) {
  private static final int ALIGNMENT = 64;

  /** Checks that nothing is missing. */
  public PageBuffer {
    Checks.notNull("keys", keys);
    Checks.notNull("values", values);
    Checks.notNull("positions", positions);
    numbers = List.copyOf(Checks.notNull("numbers", numbers));
  }

  /** Bytes that {@code pages} pages of a pool take in one block of memory. */
  public static long bytes(KvPool pool, int pages) {
    KvPoolSpec spec = pool.spec();
    long slots = (long) Checks.between("pages", pages, 0, Integer.MAX_VALUE) * spec.pageSize();
    long vectors = aligned(slots * spec.headDim() * spec.dtype().bytes());
    long bytes = 2 * vectors + aligned(slots * DType.I32.bytes());
    for (int i = 0; i < pool.arrayCount(); i++) {
      bytes += aligned(slots * pool.array(i).width() * DType.F32.bytes());
    }
    return bytes;
  }

  private static long aligned(long bytes) {
    return (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
  }

  /**
   * Lays the tensors of {@code pages} pages of a pool over one block of host memory: keys, values,
   * positions, then numbers, each from a multiple of 64 bytes on. What is sent elsewhere may be
   * laid out there in the same way.
   *
   * @param block at least {@link #bytes} long
   */
  public static PageBuffer over(MemorySegment block, KvPool pool, int pages) {
    Checks.notNull("block", block);
    Checks.atLeast("block.byteSize", block.byteSize(), bytes(pool, pages));
    KvPoolSpec spec = pool.spec();
    int pageSize = spec.pageSize();
    long vectors = (long) pages * pageSize * spec.headDim() * spec.dtype().bytes();
    long at = 0;
    Tensor keys = tensor(block, at, vectors, spec.dtype(), pages, pageSize, spec.headDim());
    at += aligned(vectors);
    Tensor values = tensor(block, at, vectors, spec.dtype(), pages, pageSize, spec.headDim());
    at += aligned(vectors);
    long positionBytes = (long) pages * pageSize * DType.I32.bytes();
    Tensor positions = tensor(block, at, positionBytes, DType.I32, pages, pageSize);
    at += aligned(positionBytes);
    List<Tensor> numbers = new ArrayList<>();
    for (int i = 0; i < pool.arrayCount(); i++) {
      int width = pool.array(i).width();
      long bytes = (long) pages * pageSize * width * DType.F32.bytes();
      numbers.add(tensor(block, at, bytes, DType.F32, pages, pageSize, width));
      at += aligned(bytes);
    }
    return new PageBuffer(keys, values, positions, numbers);
  }

  private static Tensor tensor(
      MemorySegment block, long at, long bytes, DType dtype, long... shape) {
    return Tensor.wrap(block.asSlice(at, bytes), dtype, shape);
  }
}
