package dev.warpwright.kernels.attention;

import dev.warpwright.kernels.Checks;
import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.InvalidArgumentException;
import dev.warpwright.kernels.KernelDevice;
import dev.warpwright.kernels.KernelPlan;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.attention.PageTransferSpec.Direction;
import java.util.BitSet;

/**
 * Copies head pages between a pool and a {@link PageBuffer}: page {@code pages[i]} of the pool is
 * entry i of the buffer. Which rows and sequences the pages are of does not matter, so one run may
 * move all of several sequences. Keys, values, positions and the numbers beside the slots keep
 * their bits; slots that nothing was written to are copied as they are.
 *
 * <p>The buffer's form is the same on all providers, whatever a page looks like inside a pool. It
 * may lie in host memory or in the device's own.
 */
public abstract class PageTransfer extends KernelPlan {
  private final PageTransferSpec spec;
  private final KvPool pool;

  /** Pages of a run that were named already. */
  private final BitSet named;

  /** A plan for {@code spec} on {@code pool}. */
  protected PageTransfer(
      KernelDevice device, PageTransferSpec spec, KvPool pool, long workspaceBytes) {
    Checks.notNull("pool", pool);
    Checks.that(
        pool.device() == device,
        "pool.device",
        pool.device().place(),
        "the plan's own " + device.place());
    Checks.that(pool.spec().equals(spec.pool()), "pool.spec", pool.spec(), spec.pool().toString());
    super(device, spec, workspaceBytes);
    this.spec = spec;
    this.pool = pool;
    named = new BitSet(spec.direction() == Direction.SCATTER ? spec.pool().headPages() : 0);
  }

  /** What the plan was made for. */
  public final PageTransferSpec spec() {
    return spec;
  }

  /** The pool. */
  public final KvPool pool() {
    return pool;
  }

  /**
   * Copies pages.
   *
   * @param pages I32 {@code [n]} page numbers, n at most {@code maxPages}; each once if the pool is
   *     written
   * @param buffer n pages; what is written must be disjoint from all else
   */
  public final void run(Tensor pages, PageBuffer buffer) {
    begin();
    try {
      pool.requireOpen();
      Checks.notNull("pages", pages);
      Checks.notNull("buffer", buffer);
      long count = Checks.between("pages.elements", pages.elements(), 0, spec.maxPages());
      requireTensor("pages", pages, DType.I32, count);
      requireBuffer(pages, buffer, count);
      if (pages.isHost()) {
        requirePages(pages);
      }
      if (count > 0) {
        execute((int) count, pages, buffer);
      }
      launched(buffer.keys().bytes() + buffer.values().bytes());
    } finally {
      end();
    }
  }

  private void requireBuffer(Tensor pages, PageBuffer buffer, long count) {
    KvPoolSpec form = spec.pool();
    requirePart("buffer.keys", buffer.keys(), pages, form.dtype(), count, form.headDim());
    requirePart("buffer.values", buffer.values(), pages, form.dtype(), count, form.headDim());
    requireTensor("buffer.positions", buffer.positions(), DType.I32, count, form.pageSize());
    requireApart("buffer.positions", buffer.positions(), "pages", pages);
    requireApart("buffer.values", buffer.values(), "buffer.keys", buffer.keys());
    requireApart("buffer.positions", buffer.positions(), "buffer.keys", buffer.keys());
    requireApart("buffer.positions", buffer.positions(), "buffer.values", buffer.values());
    if (buffer.numbers().size() != pool.arrayCount()) {
      throw new InvalidArgumentException(
          "buffer.numbers.size",
          buffer.numbers().size(),
          "the pool's " + pool.arrayCount() + " arrays");
    }
    for (int i = 0; i < pool.arrayCount(); i++) {
      Tensor numbers = buffer.numbers().get(i);
      requirePart("buffer.numbers", numbers, pages, DType.F32, count, pool.array(i).width());
      requireReachable("array", pool.array(i).tensor());
      requireApart("buffer.numbers", numbers, "buffer.keys", buffer.keys());
      requireApart("buffer.numbers", numbers, "buffer.values", buffer.values());
      requireApart("buffer.numbers", numbers, "buffer.positions", buffer.positions());
      for (int j = 0; j < i; j++) {
        requireApart("buffer.numbers", numbers, "other numbers", buffer.numbers().get(j));
      }
    }
  }

  private void requirePart(
      String argument, Tensor part, Tensor pages, DType dtype, long count, int width) {
    requireTensor(argument, part, dtype, count, spec.pool().pageSize(), width);
    requireApart(argument, part, "pages", pages);
  }

  private void requireApart(String argument, Tensor part, String otherArgument, Tensor other) {
    if (spec.direction() == Direction.GATHER) {
      Checks.writable(argument, part);
      Checks.disjoint(argument, part, otherArgument, other);
    }
  }

  private void requirePages(Tensor pages) {
    named.clear();
    for (int i = 0; i < pages.elements(); i++) {
      int page = pages.getInt(i);
      if (page < 0 || page >= spec.pool().headPages()) {
        throw new InvalidArgumentException(
            "pages[" + i + "]", page, "0.." + (spec.pool().headPages() - 1));
      }
      if (spec.direction() == Direction.SCATTER) {
        if (named.get(page)) {
          throw new InvalidArgumentException("pages[" + i + "]", page, "each page once");
        }
        named.set(page);
      }
    }
  }

  /** Copies; all arguments are checked and there is at least one page. */
  protected abstract void execute(int count, Tensor pages, PageBuffer buffer);
}
