package dev.warpwright.testkit;

import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.Tensor;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.LongStream;

/**
 * The host memory of one case. Tensors lie in memory of randomly chosen kind, inputs are sometimes
 * read-only; outputs are filled with NaN, and all are surrounded by canaries or unreadable pages.
 * {@link #check} finds changed inputs and writes outside outputs.
 */
public final class CaseMemory implements AutoCloseable {
  private static final byte CANARY = (byte) 0xA5;
  private static final long MARGIN = 256;

  private final CaseRandom random;
  private final Arena arena = Arena.ofShared();
  private final List<Watch> watches = new ArrayList<>();

  private record Watch(String name, MemorySegment before, MemorySegment now) {}

  /** Memory whose kinds are chosen by {@code random}. */
  public CaseMemory(CaseRandom random) {
    this.random = random;
  }

  /** An F32 input with these values. */
  public Tensor input(String name, float[] values, long... shape) {
    Tensor tensor = place(DType.F32, shape);
    for (int i = 0; i < values.length; i++) {
      tensor.setFloat(i, values[i]);
    }
    return watched(name, tensor);
  }

  /** A floating-point input of another type with these values, rounded. */
  public Tensor input(String name, DType dtype, float[] values, long... shape) {
    Tensor tensor = place(dtype, shape);
    for (int i = 0; i < values.length; i++) {
      tensor.setFloat(i, values[i]);
    }
    return watched(name, tensor);
  }

  /** An input of one-byte elements. */
  public Tensor input(String name, DType dtype, byte[] elements, long... shape) {
    Tensor tensor = place(dtype, shape);
    MemorySegment.copy(elements, 0, tensor.segment(), ValueLayout.JAVA_BYTE, 0, elements.length);
    return watched(name, tensor);
  }

  /** An I32 input with these values. */
  public Tensor input(String name, int[] values, long... shape) {
    Tensor tensor = place(DType.I32, shape);
    for (int i = 0; i < values.length; i++) {
      tensor.setInt(i, values[i]);
    }
    return watched(name, tensor);
  }

  /** An output: NaN (or a pattern of the same bytes) inside, canaries around. */
  public Tensor output(String name, DType dtype, long... shape) {
    return place(dtype, shape);
  }

  private Tensor watched(String name, Tensor tensor) {
    MemorySegment before = arena.allocate(Math.max(tensor.bytes(), 1)).asSlice(0, tensor.bytes());
    before.copyFrom(tensor.segment());
    watches.add(new Watch(name, before, tensor.segment()));
    return random.chance(0.2)
        ? Tensor.wrap(tensor.segment().asReadOnly(), tensor.dtype(), sizes(tensor))
        : tensor;
  }

  private static long[] sizes(Tensor tensor) {
    return LongStream.range(0, tensor.rank()).map(dim -> tensor.size((int) dim)).toArray();
  }

  private Tensor place(DType dtype, long... shape) {
    long bytes = dtype.bytes();
    for (long size : shape) {
      bytes *= size;
    }
    int odd = dtype.bytes() * (random.chance(0.5) ? 0 : random.between(1, 15));
    MemoryKind kind = MemoryKind.draw(random);
    MemorySegment block;
    long lead;
    if (kind == MemoryKind.GUARDED) {
      // Flush with one of the two unreadable pages.
      block = kind.allocate(arena, dtype, bytes);
      lead = random.chance(0.5) ? 0 : block.byteSize() - bytes;
    } else {
      block = kind.allocate(arena, dtype, MARGIN + odd + bytes + MARGIN);
      lead = MARGIN + odd;
    }
    block.fill(CANARY);
    watchCanaries("memory before a tensor", block.asSlice(0, lead));
    watchCanaries("memory behind a tensor", block.asSlice(lead + bytes));
    MemorySegment inside = block.asSlice(lead, bytes);
    inside.fill((byte) 0xFF);
    return Tensor.wrap(inside, dtype, shape);
  }

  private void watchCanaries(String name, MemorySegment canaries) {
    watches.add(new Watch(name, canaries(canaries.byteSize()), canaries));
  }

  private MemorySegment canaries(long bytes) {
    MemorySegment segment = arena.allocate(Math.max(bytes, 1)).asSlice(0, bytes);
    segment.fill(CANARY);
    return segment;
  }

  /**
   * Looks for damage.
   *
   * @throws ContractViolation if an input changed or a canary is gone
   */
  public void check() {
    for (Watch watch : watches) {
      long at = watch.before().mismatch(watch.now());
      if (at >= 0) {
        throw new ContractViolation(
            watch.name()
                + " was changed at byte "
                + at
                + ": "
                + watch.before().get(ValueLayout.JAVA_BYTE, at)
                + " became "
                + watch.now().get(ValueLayout.JAVA_BYTE, at));
      }
    }
  }

  @Override
  public void close() {
    arena.close();
  }
}
