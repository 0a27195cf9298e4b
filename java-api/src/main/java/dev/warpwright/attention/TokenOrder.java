package dev.warpwright.attention;

import dev.warpwright.kernels.KernelDevice;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.attention.PageTables;

/** Rows of a step's tokens in another order of its sequences. */
final class TokenOrder {
  private final KernelDevice device;
  private final PageTables step;
  private final int[] order;

  /**
   * An order.
   *
   * @param device where tensors are copied
   * @param step tables of the step, which name its tokens
   * @param order its sequences in the other order
   */
  TokenOrder(KernelDevice device, PageTables step, int[] order) {
    this.device = device;
    this.step = step;
    this.order = order;
  }

  /** Whether it is the step's own. */
  boolean isAsGiven() {
    for (int i = 0; i < order.length; i++) {
      if (order[i] != i) {
        return false;
      }
    }
    return true;
  }

  /** Copies rows in the step's order to this order. */
  void gather(Tensor from, Tensor to) {
    copy(from, to, true);
  }

  /** Copies rows in this order to the step's order. */
  void scatter(Tensor from, Tensor to) {
    copy(from, to, false);
  }

  private void copy(Tensor from, Tensor to, boolean gather) {
    int at = 0;
    for (int i = 0; i < order.length; ) {
      int end = i + 1;
      while (end < order.length && order[end] == order[end - 1] + 1) {
        end++;
      }
      // Sequences that are neighbours in both orders go together.
      int start = step.tokenStart(order[i]);
      int count = step.tokenStart(order[end - 1] + 1) - start;
      Tensor here = gather ? from.slice(start, start + count) : from.slice(at, at + count);
      Tensor there = gather ? to.slice(at, at + count) : to.slice(start, start + count);
      if (count > 0) {
        device.copy(here, there);
      }
      at += count;
      i = end;
    }
  }
}
