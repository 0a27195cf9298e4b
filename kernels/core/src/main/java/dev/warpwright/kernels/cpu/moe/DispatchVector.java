package dev.warpwright.kernels.cpu.moe;

import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.cpu.HostDevice;
import dev.warpwright.kernels.moe.Dispatch;
import dev.warpwright.kernels.moe.DispatchSpec;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;

/**
 * {@link Dispatch} as a counting sort on one thread: a few nanoseconds a choice, less than it takes
 * to wake another thread for all choices of a thousand tokens.
 */
final class DispatchVector extends Dispatch {
  private final int[] expert;
  private final int[] slot;
  private final int[] order;
  private final int[] offset;

  /** The next free slot of each expert, and the one that it may not take any more. */
  private final int[] next;

  private final int[] end;

  DispatchVector(HostDevice device, DispatchSpec spec) {
    super(
        device,
        spec,
        8L * spec.maxTokens() * spec.topK()
            + 4L * spec.slots(spec.maxTokens())
            + 4L * (3L * spec.experts() + 1));
    expert = new int[spec.maxTokens() * spec.topK()];
    slot = new int[expert.length];
    order = new int[spec.slots(spec.maxTokens())];
    offset = new int[spec.experts() + 1];
    next = new int[spec.experts()];
    end = new int[spec.experts()];
  }

  @Override
  protected void execute(int tokens, Tensor ids, Tensor offsets, Tensor order, Tensor slots) {
    int choices = tokens * spec().topK();
    int slotCount = spec().slots(tokens);
    MemorySegment.copy(ids.segment(), ValueLayout.JAVA_INT_UNALIGNED, 0, expert, 0, choices);
    Arrays.fill(next, 0);
    for (int f = 0; f < choices; f++) {
      if (expert[f] >= 0) {
        next[expert[f]]++;
      }
    }
    int start = 0;
    for (int e = 0; e < next.length; e++) {
      int taken = spec().capacity() == 0 ? next[e] : Math.min(next[e], spec().capacity());
      offset[e] = start;
      next[e] = start;
      end[e] = start + taken;
      start += Math.ceilDiv(taken, spec().tile()) * spec().tile();
    }
    offset[next.length] = start;
    Arrays.fill(this.order, 0, slotCount, -1);
    for (int f = 0; f < choices; f++) {
      int e = expert[f];
      slot[f] = -1;
      if (e >= 0 && next[e] < end[e]) {
        slot[f] = next[e]++;
        this.order[slot[f]] = f;
      }
    }
    MemorySegment.copy(
        offset, 0, offsets.segment(), ValueLayout.JAVA_INT_UNALIGNED, 0, offset.length);
    MemorySegment.copy(
        this.order, 0, order.segment(), ValueLayout.JAVA_INT_UNALIGNED, 0, slotCount);
    MemorySegment.copy(slot, 0, slots.segment(), ValueLayout.JAVA_INT_UNALIGNED, 0, choices);
  }

  @Override
  protected void release() {}
}
