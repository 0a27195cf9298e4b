package dev.warpwright.kernels.attention;

import dev.warpwright.kernels.Checks;
import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.DeviceResource;
import dev.warpwright.kernels.KernelDevice;
import dev.warpwright.kernels.KernelId;
import dev.warpwright.kernels.Support;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.UnsupportedKernelException;
import java.lang.foreign.Arena;
import java.util.Arrays;
import java.util.BitSet;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

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
  private static final SlotArray[] NO_ARRAYS = {};

  private final KvPoolSpec spec;
  private volatile SlotArray[] arrays = NO_ARRAYS;
  private @Nullable SlotArray scales;

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
   * Puts numbers beside the slots, {@code initial} in all of them. The caller closes the array.
   *
   * @param name what the numbers are, for messages
   * @param width numbers a slot
   * @param initial what a new token's slot starts with
   * @throws UnsupportedKernelException if the provider does not keep them yet
   */
  public final SlotArray attach(String name, int width, float initial) {
    requireOpen();
    Support support = keepsArrays();
    if (!support.supported()) {
      throw new UnsupportedKernelException(
          device().place(), KernelId.SCORE_ACCUMULATE, support.reason());
    }
    SlotArray array = new SlotArray(this, name, width, initial);
    if (initial != 0) {
      array.reset(IntStream.range(0, spec.headPages()).toArray());
    }
    synchronized (this) {
      SlotArray[] more = Arrays.copyOf(arrays, arrays.length + 1);
      more[arrays.length] = array;
      arrays = more;
    }
    return array;
  }

  /**
   * Scales of the key and of the value of each slot, where the element type needs them ({@link
   * KvQuantisation}); else null. They are the first of the arrays, and the pool's own.
   */
  public final @Nullable SlotArray scales() {
    return scales;
  }

  /** Attaches scales if the element type needs them; for the constructors of providers. */
  protected final void attachScales() {
    if (KvQuantisation.applies(spec.dtype())) {
      scales = attach("scales", 2, 0);
    }
  }

  /** Frees what {@link #attachScales} made. */
  protected final void closeScales() {
    if (scales != null) {
      scales.close();
    }
  }

  /** Forgets an array that is closed. */
  final synchronized void detach(SlotArray array) {
    arrays = Arrays.stream(arrays).filter(a -> a != array).toArray(SlotArray[]::new);
  }

  /** Number of arrays beside the slots. */
  public final int arrayCount() {
    return arrays.length;
  }

  /** An array beside the slots. */
  public final SlotArray array(int index) {
    return arrays[index];
  }

  /** Whether append, compaction and copies of this provider take {@link SlotArray}s along. */
  protected Support keepsArrays() {
    return Support.no("not built yet: numbers beside slots");
  }

  /** Whether plans over this pool take {@link PageTables#request(int[])}. */
  protected Support takesTokenPositions() {
    return Support.no("not built yet: query tokens at positions of their own");
  }

  /**
   * Copies pages with positions and numbers beside the slots.
   *
   * @param from pages that are read
   * @param to as many pages that are written; each once, none of them read
   */
  public final void copyPages(int[] from, int[] to) {
    requireOpen();
    Checks.notNull("from", from);
    Checks.notNull("to", to);
    Checks.that(to.length == from.length, "to.length", to.length, "" + from.length);
    BitSet read = new BitSet();
    for (int i = 0; i < from.length; i++) {
      read.set(Checks.between("from[" + i + "]", from[i], 0, spec.headPages() - 1));
    }
    for (int i = 0; i < to.length; i++) {
      Checks.between("to[" + i + "]", to[i], 0, spec.headPages() - 1);
      Checks.that(!read.get(to[i]), "to[" + i + "]", to[i], "a page that is not in from");
    }
    long duplicate = PageTables.firstDuplicate(to, to.length, spec.headPages());
    Checks.that(
        duplicate < 0,
        "to[" + duplicate + "]",
        duplicate < 0 ? "" : to[(int) duplicate],
        "each page once");
    doCopy(from, to);
    for (SlotArray array : arrays) {
      for (int i = 0; i < from.length; i++) {
        device().copy(array.tensor().row(from[i]), array.tensor().row(to[i]));
      }
    }
  }

  /** Copies pages; all arguments are checked. By way of the host, unless a provider can better. */
  protected void doCopy(int[] from, int[] to) {
    try (Arena arena = Arena.ofShared()) {
      Tensor keys =
          Tensor.allocate(arena, spec.dtype(), from.length, spec.pageSize(), spec.headDim());
      Tensor values =
          Tensor.allocate(arena, spec.dtype(), from.length, spec.pageSize(), spec.headDim());
      Tensor positions = Tensor.allocate(arena, DType.I32, from.length, spec.pageSize());
      doExport(from, keys, values, positions);
      doImport(to, keys, values, positions);
    }
  }

  /**
   * Copies pages out in canonical form. Where there are {@link #scales}, keys and values are codes,
   * and their scales are in that array.
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
    Checks.tensor("positions", positions, DType.I32, pages.length, spec.pageSize());
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
