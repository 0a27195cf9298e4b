package dev.warpwright.cuda;

import dev.warpwright.cuda.runtime.CudaDevice;
import dev.warpwright.cuda.runtime.CudaStream;
import dev.warpwright.cuda.runtime.DeviceBuffer;
import dev.warpwright.kernels.InvalidArgumentException;
import dev.warpwright.kernels.KernelId;
import dev.warpwright.kernels.Resource;
import java.lang.foreign.MemorySegment;
import java.util.List;

/**
 * The device's note of the first bad index in tensors that the host has not seen; {@code
 * common/guard.cuh} writes it. It is read where the host waits anyway.
 */
final class Complaints implements Resource {
  private static final long BYTES = 4 * Integer.BYTES;

  /**
   * A kernel that guards indices.
   *
   * @param arguments those with indices, by the numbers that the source gives them
   */
  private record Guarded(KernelId kernel, List<String> arguments) {}

  private static final List<Guarded> GUARDED =
      List.of(
          new Guarded(KernelId.DISPATCH, List.of("ids")),
          new Guarded(KernelId.EXPERT_MATMUL, List.of("offsets", "order")),
          new Guarded(KernelId.COMBINE, List.of("slots")),
          new Guarded(KernelId.SELECT_TOKENS, List.of("budgets")),
          new Guarded(KernelId.COMPACT_KV, List.of("kept")),
          new Guarded(KernelId.GATHER_PAGES, List.of("pages")),
          new Guarded(KernelId.SCATTER_PAGES, List.of("pages")),
          new Guarded(KernelId.REROTATE_KEYS, List.of("positions")));

  private final Staging staging;
  private final CudaStream stream;
  private final DeviceBuffer note;
  private final int[] back = new int[4];

  /** Whether a kernel that may have written the note was enqueued since it was read. */
  private boolean possible;

  Complaints(CudaDevice device, CudaStream stream, Staging staging) {
    this.staging = staging;
    this.stream = stream;
    note = device.allocate(BYTES, "note of bad indices");
    try {
      clear();
    } catch (RuntimeException e) {
      note.close();
      throw e;
    }
  }

  private void clear() {
    note.fill(0, BYTES, (byte) 0, stream);
  }

  /**
   * Address of the note.
   *
   * @param unseen whether the kernel reads indices that the host has not checked
   */
  long address(boolean unseen) {
    possible |= unseen;
    return note.address();
  }

  /** What a kernel calls itself in the note. */
  static int tag(KernelId kernel) {
    int index = 0;
    while (GUARDED.get(index).kernel != kernel) {
      index++;
    }
    return index + 1;
  }

  /** Throws what was noted; all work that may have noted something is done. */
  void check() {
    if (!possible) {
      return;
    }
    possible = false;
    staging.copy(note, 0, MemorySegment.ofArray(back));
    if (back[0] == 0) {
      return;
    }
    clear();
    Guarded guarded = GUARDED.get(back[0] - 1);
    throw new InvalidArgumentException(
        guarded.arguments.get(back[1]) + "[" + back[2] + "] of " + guarded.kernel.stem(),
        back[3],
        "an index inside its bounds; the kernel has passed over it");
  }

  @Override
  public void close() {
    note.close();
  }
}
