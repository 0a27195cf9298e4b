package dev.warpwright.testkit;

import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.Tensor;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;

/**
 * The host memory of one case. Inputs lie in memory of randomly chosen kind; outputs are filled
 * with NaN and surrounded by canaries. {@link #check} finds changed inputs and writes outside
 * outputs.
 */
public final class CaseMemory implements AutoCloseable {
  private static final byte CANARY = (byte) 0xA5;
  private static final int MARGIN = 256;

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
    return tensor;
  }

  private Tensor place(DType dtype, long... shape) {
    long bytes = dtype.bytes();
    for (long size : shape) {
      bytes *= size;
    }
    int lead = MARGIN + (random.chance(0.5) ? 0 : dtype.bytes() * random.between(1, 15));
    long all = lead + bytes + MARGIN;
    MemorySegment block =
        random.chance(0.5)
            ? MemorySegment.ofArray(new byte[Math.toIntExact(all)])
            : arena.allocate(all, 64);
    block.fill(CANARY);
    watches.add(new Watch("memory before a tensor", canaries(lead), block.asSlice(0, lead)));
    watches.add(new Watch("memory behind a tensor", canaries(MARGIN), block.asSlice(lead + bytes)));
    MemorySegment inside = block.asSlice(lead, bytes);
    inside.fill((byte) 0xFF);
    return Tensor.wrap(inside, dtype, shape);
  }

  private MemorySegment canaries(long bytes) {
    MemorySegment segment = arena.allocate(bytes);
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
