package dev.warpwright.kernels.attention;

import dev.warpwright.kernels.Checks;
import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.DeviceTensor;
import dev.warpwright.kernels.Resource;
import dev.warpwright.kernels.Tensor;
import java.util.Arrays;

/**
 * Numbers beside the keys and values of a {@link KvPool}: {@code width} F32 numbers a slot, {@code
 * [headPages, pageSize, width]}, such as statistics of scores or the number of tokens that were
 * merged into a slot. An append gives its slots the initial value, and what moves or copies slots
 * takes the numbers along. Made by {@link KvPool#attach}; whoever made it closes it, before or
 * after the pool.
 */
public final class SlotArray implements Resource {
  private final KvPool pool;
  private final String name;
  private final int width;
  private final float initial;
  private final DeviceTensor memory;

  SlotArray(KvPool pool, String name, int width, float initial) {
    KvPoolSpec spec = pool.spec();
    this.pool = pool;
    this.name = Checks.notNull("name", name);
    this.width = Checks.between("width", width, 1, 64);
    this.initial = initial;
    this.memory = pool.device().allocate(DType.F32, spec.headPages(), spec.pageSize(), width);
  }

  /** The pool that the slots are in. */
  public KvPool pool() {
    return pool;
  }

  /** What the numbers are, for messages. */
  public String name() {
    return name;
  }

  /** Numbers a slot. */
  public int width() {
    return width;
  }

  /** What a new token's slot starts with. */
  public float initial() {
    return initial;
  }

  /** All numbers, {@code [headPages, pageSize, width]}, on the pool's device. */
  public Tensor tensor() {
    return memory.tensor();
  }

  /** Where the numbers of a slot begin in {@link #tensor}. */
  public long at(int page, int slot) {
    return ((long) page * pool.spec().pageSize() + slot) * width;
  }

  /** Gives all slots of some pages the initial value. */
  public void reset(int... pages) {
    pool.requireOpen();
    KvPoolSpec spec = pool.spec();
    float[] values = new float[spec.pageSize() * width];
    Arrays.fill(values, initial);
    Tensor page = Tensor.wrap(values, spec.pageSize(), width);
    for (int i = 0; i < pages.length; i++) {
      Checks.between("pages[" + i + "]", pages[i], 0, spec.headPages() - 1);
      pool.device().copy(page, tensor().row(pages[i]));
    }
  }

  @Override
  public void close() {
    pool.detach(this);
    memory.close();
  }

  @Override
  public String toString() {
    return name + " of " + width;
  }
}
