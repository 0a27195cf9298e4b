package dev.warpwright.kernels.cpu.reduce;

import dev.warpwright.kernels.KernelDevice;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.reduce.TreeReduceSpec;
import dev.warpwright.kernels.reduce.TreeReduceStream;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * Which nodes of the tree are there. A node (level, index) covers the slots from {@code index ·
 * 2^level} to the next such multiple; while it waits for its sibling it is kept at its first slot,
 * which no other waiting node covers. Subclasses do the arithmetic.
 */
abstract class HostTreeReduceStream extends TreeReduceStream {
  private final Arena arena = Arena.ofShared();
  private final int slots;
  private final long nodeBytes;
  private final @Nullable MemorySegment[] waiting;
  private final byte[] levels;

  /** Nodes without a value, first {@link #spares} of them. */
  private MemorySegment[] spare = new MemorySegment[8];

  private int spares;
  private int allocated;

  private final int[] siblings = new int[Integer.SIZE];
  private final MemorySegment[] terms = new MemorySegment[Integer.SIZE];

  HostTreeReduceStream(KernelDevice device, TreeReduceSpec spec, long nodeBytes) {
    super(device, spec, (depth(spec.slots()) + 1) * nodeBytes);
    this.slots = spec.slots();
    this.nodeBytes = nodeBytes;
    this.waiting = new MemorySegment[slots];
    this.levels = new byte[slots];
  }

  /** Number of levels above the leaves. */
  private static int depth(int slots) {
    return 32 - Integer.numberOfLeadingZeros(slots - 1);
  }

  /** {@code to = weight · row + terms[0] + terms[1] + …}, rounded after each step. */
  abstract void accumulate(
      Tensor row, float weight, MemorySegment[] terms, int count, MemorySegment to);

  /** {@code to = to + from}. */
  abstract void accumulate(MemorySegment from, MemorySegment to);

  /** {@code out = factor · root}. */
  abstract void scale(MemorySegment root, float factor, Tensor out);

  @Override
  protected final void add(int slot, Tensor row, float weight) {
    int level = 0;
    int first = slot;
    int count = 0;
    for (; level < depth(slots); level++) {
      int sibling = ((first >> level) ^ 1) << level;
      if (sibling < slots) {
        MemorySegment node = waiting[sibling];
        if (node == null || levels[sibling] != level) {
          break;
        }
        siblings[count] = sibling;
        terms[count++] = node;
        first = Math.min(first, sibling);
      }
    }
    // A new node, not one of the siblings: a row whose memory is freed meanwhile leaves them whole.
    MemorySegment sum = take();
    try {
      accumulate(row, weight, terms, count, sum);
    } catch (Throwable t) {
      give(sum);
      throw t;
    }
    for (int i = 0; i < count; i++) {
      waiting[siblings[i]] = null;
      give(terms[i]);
    }
    waiting[first] = sum;
    levels[first] = (byte) level;
  }

  @Override
  protected final void complete(float factor, Tensor out) {
    try {
      MemorySegment root = fold();
      if (root == null) {
        out.segment().fill((byte) 0);
      } else {
        scale(root, factor, out);
      }
    } finally {
      for (int slot = 0; slot < slots; slot++) {
        MemorySegment node = waiting[slot];
        if (node != null) {
          waiting[slot] = null;
          give(node);
        }
      }
    }
  }

  /** Joins all nodes level by level; one whose sibling is missing is carried up. */
  private @Nullable MemorySegment fold() {
    for (int level = 0; level < depth(slots); level++) {
      int span = 1 << level;
      for (int left = 0; left < slots; left += 2 * span) {
        int right = left + span;
        MemorySegment l = levels[left] == level ? waiting[left] : null;
        MemorySegment r = right < slots ? waiting[right] : null;
        if (r != null) {
          waiting[right] = null;
          if (l == null) {
            waiting[left] = r;
          } else {
            accumulate(r, l);
            give(r);
          }
        }
        if (l != null || r != null) {
          levels[left] = (byte) (level + 1);
        }
      }
    }
    return waiting[0];
  }

  private MemorySegment take() {
    if (spares == 0) {
      allocated++;
      return arena.allocate(nodeBytes, 64);
    }
    return spare[--spares];
  }

  private void give(MemorySegment node) {
    if (spares == spare.length) {
      spare = Arrays.copyOf(spare, 2 * spares);
    }
    spare[spares++] = node;
  }

  @Override
  public final int peakNodes() {
    return allocated;
  }

  /** Memory that lives as long as the plan. */
  final Arena arena() {
    return arena;
  }

  @Override
  protected void release() {
    arena.close();
  }
}
