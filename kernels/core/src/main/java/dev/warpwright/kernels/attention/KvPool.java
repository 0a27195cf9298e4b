package dev.warpwright.kernels.attention;

import dev.warpwright.kernels.Checks;
import dev.warpwright.kernels.DeviceResource;
import dev.warpwright.kernels.KernelDevice;
import dev.warpwright.kernels.Tensor;

/**
 * A pool of head pages on one device. How a page is laid out inside is the provider's secret;
 * {@link #exportPages} and {@link #importPages} convert to and from the canonical form {@code
 * [pages, pageSize, headDim]} of the pool's element type.
 *
 * <p>Beside keys and values each slot carries its logical position: the index of its token in the
 * sequence. Masks and rotations use positions, never slot numbers, so slots may be moved. New pages
 * hold zeros, and positions of −1.
 */
public abstract class KvPool extends DeviceResource {
  private final KvPoolSpec spec;

  /** A pool of {@code device} that holds {@code bytes}. */
  protected KvPool(KernelDevice device, KvPoolSpec spec, long bytes) {
    super(device, "KV pool", bytes);
    this.spec = spec;
  }

  /** Sizes and element type. */
  public final KvPoolSpec spec() {
    return spec;
  }

  /**
   * Copies pages out in canonical form.
   *
   * @param pages I32 {@code [n]} page numbers
   * @param keys host tensor {@code [n, pageSize, headDim]} of the pool's element type
   * @param values host tensor of the same shape and type
   * @param positions I32 host tensor {@code [n, pageSize]}
   */
  public final void exportPages(int[] pages, Tensor keys, Tensor values, Tensor positions) {
    requireTransfer(pages, keys, values, positions);
    Checks.writable("keys", keys);
    Checks.writable("values", values);
    Checks.writable("positions", positions);
    Checks.disjoint("keys", keys, "values", values);
    Checks.disjoint("positions", positions, "keys", keys);
    Checks.disjoint("positions", positions, "values", values);
    doExport(pages, keys, values, positions);
  }

  /**
   * Copies pages in from canonical form; arguments as for {@link #exportPages}. A page may be named
   * once.
   */
  public final void importPages(int[] pages, Tensor keys, Tensor values, Tensor positions) {
    requireTransfer(pages, keys, values, positions);
    long duplicate = PageTables.firstDuplicate(pages, pages.length, spec.headPages());
    Checks.that(
        duplicate < 0,
        "pages[" + duplicate + "]",
        duplicate < 0 ? "" : pages[(int) duplicate],
        "each page once");
    doImport(pages, keys, values, positions);
  }

  private void requireTransfer(int[] pages, Tensor keys, Tensor values, Tensor positions) {
    requireOpen();
    Checks.notNull("pages", pages);
    for (int i = 0; i < pages.length; i++) {
      Checks.between("pages[" + i + "]", pages[i], 0, spec.headPages() - 1);
    }
    Checks.tensor("keys", keys, spec.dtype(), pages.length, spec.pageSize(), spec.headDim());
    Checks.tensor("values", values, spec.dtype(), pages.length, spec.pageSize(), spec.headDim());
    Checks.tensor(
        "positions", positions, dev.warpwright.kernels.DType.I32, pages.length, spec.pageSize());
    for (Tensor tensor : new Tensor[] {keys, values, positions}) {
      Checks.that(tensor.isHost(), "tensor", "on " + tensor.memory().place(), "host memory");
      Checks.that(tensor.memory().isAlive(), "tensor", "in memory that was freed", "live memory");
    }
  }

  /** Copies pages out; all arguments are checked. */
  protected abstract void doExport(int[] pages, Tensor keys, Tensor values, Tensor positions);

  /** Copies pages in; all arguments are checked. */
  protected abstract void doImport(int[] pages, Tensor keys, Tensor values, Tensor positions);
}
