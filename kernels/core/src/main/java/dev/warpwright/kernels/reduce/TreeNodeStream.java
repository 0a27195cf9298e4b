package dev.warpwright.kernels.reduce;

import dev.warpwright.kernels.KernelDevice;
import dev.warpwright.kernels.Tensor;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Which nodes of a stream's tree are there; for providers. A node (level, index) covers the slots
 * from {@code index · 2^level} to the next such multiple; while it waits for its sibling it is kept
 * at its first slot, which no other waiting node covers. Subclasses do the arithmetic.
 *
 * @param <N> memory of one node, {@code columns} elements of F32
 */
public abstract class TreeNodeStream<N> extends TreeReduceStream {
  private final int slots;
  private final List<@Nullable N> waiting;
  private final byte[] levels;

  /** Nodes without a value. */
  private final List<N> spare = new ArrayList<>();

  private final long nodeBytes;
  private int allocated;

  private final int[] siblings = new int[Integer.SIZE];
  private final List<N> terms = new ArrayList<>(Integer.SIZE);

  /**
   * A plan for {@code spec}.
   *
   * @param device the device that runs the plan
   * @param spec what the plan was made for
   * @param nodeBytes memory of a node
   */
  protected TreeNodeStream(KernelDevice device, TreeReduceSpec spec, long nodeBytes) {
    super(device, spec, 0);
    this.nodeBytes = nodeBytes;
    slots = spec.slots();
    waiting = new ArrayList<>(Collections.nCopies(slots, null));
    levels = new byte[slots];
  }

  /** Number of levels above the leaves. */
  private static int depth(int slots) {
    return 32 - Integer.numberOfLeadingZeros(slots - 1);
  }

  /** A new node; its memory lives as long as the plan. */
  protected abstract N allocate();

  /** {@code to = weight · row + terms[0] + terms[1] + …}, rounded after each step. */
  protected abstract void accumulate(Tensor row, float weight, List<N> terms, N to);

  /** {@code to = to + from}. */
  protected abstract void accumulate(N from, N to);

  /** {@code out = factor · root}; without a root {@code out} becomes +0. */
  protected abstract void finish(@Nullable N root, float factor, Tensor out);

  @Override
  protected final void add(int slot, Tensor row, float weight) {
    int level = 0;
    int first = slot;
    terms.clear();
    for (; level < depth(slots); level++) {
      int sibling = ((first >> level) ^ 1) << level;
      if (sibling < slots) {
        N node = waiting.get(sibling);
        if (node == null || levels[sibling] != level) {
          break;
        }
        siblings[terms.size()] = sibling;
        terms.add(node);
        first = Math.min(first, sibling);
      }
    }
    // A new node, not one of the siblings: a row whose memory is freed meanwhile leaves them whole.
    N sum = take();
    try {
      accumulate(row, weight, terms, sum);
    } catch (Throwable t) {
      spare.add(sum);
      throw t;
    }
    for (int i = 0; i < terms.size(); i++) {
      waiting.set(siblings[i], null);
      spare.add(terms.get(i));
    }
    waiting.set(first, sum);
    levels[first] = (byte) level;
  }

  @Override
  protected final void complete(float factor, Tensor out) {
    try {
      finish(fold(), factor, out);
    } finally {
      for (int slot = 0; slot < slots; slot++) {
        N node = waiting.set(slot, null);
        if (node != null) {
          spare.add(node);
        }
      }
    }
  }

  /** Joins all nodes level by level; one whose sibling is missing is carried up. */
  private @Nullable N fold() {
    for (int level = 0; level < depth(slots); level++) {
      int span = 1 << level;
      for (int left = 0; left < slots; left += 2 * span) {
        int right = left + span;
        N l = levels[left] == level ? waiting.get(left) : null;
        N r = right < slots ? waiting.get(right) : null;
        if (r != null) {
          waiting.set(right, null);
          if (l == null) {
            waiting.set(left, r);
          } else {
            accumulate(r, l);
            spare.add(r);
          }
        }
        if (l != null || r != null) {
          levels[left] = (byte) (level + 1);
        }
      }
    }
    return waiting.get(0);
  }

  private N take() {
    if (spare.isEmpty()) {
      N node = allocate();
      allocated++;
      workspaceIs(allocated * nodeBytes);
      return node;
    }
    return spare.removeLast();
  }

  @Override
  public final int peakNodes() {
    return allocated;
  }
}
