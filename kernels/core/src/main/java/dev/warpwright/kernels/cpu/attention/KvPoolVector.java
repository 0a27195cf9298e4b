package dev.warpwright.kernels.cpu.attention;

import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.KernelDevice;
import dev.warpwright.kernels.Support;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.attention.KvPool;
import dev.warpwright.kernels.attention.KvPoolSpec;
import dev.warpwright.kernels.attention.KvQuantisation;
import dev.warpwright.kernels.attention.SlotArray;
import dev.warpwright.kernels.cpu.HugePages;
import dev.warpwright.kernels.cpu.NativeLibrary;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** A pool in {@link KvLayout}. */
final class KvPoolVector extends KvPool {
  private final Arena arena = Arena.ofShared();
  private final KvLayout layout;
  private final SlotKernels kernels;
  private final MemorySegment pages;

  /** Pages that hold, or once held, an infinity or NaN: fast loops do not take them. */
  private final boolean[] wild;

  KvPoolVector(KernelDevice device, KvPoolSpec spec) {
    KvLayout layout = new KvLayout(spec);
    long bytes = spec.headPages() * layout.pageBytes();
    super(device, spec, bytes + spec.headPages());
    this.layout = layout;
    kernels =
        switch (spec.dtype()) {
          case F32 -> new SlotKernelsF32();
          case F16 -> new SlotKernelsF16();
          case BF16 -> new SlotKernelsBf16();
          case I8 -> new SlotKernelsI8();
          case F8E4M3 -> new SlotKernelsF8();
          default -> throw new IllegalArgumentException("no pools of " + spec.dtype());
        };
    pages = arena.allocate(bytes, 64);
    HugePages.advise(pages);
    wild = new boolean[spec.headPages()];
    for (int page = 0; page < spec.headPages(); page++) {
      pages.asSlice(layout.position(page, 0), positionBytes()).fill((byte) -1);
    }
    attachScales();
  }

  private long positionBytes() {
    return (long) spec().pageSize() * Integer.BYTES;
  }

  /** Where elements lie. */
  KvLayout layout() {
    return layout;
  }

  /** Loops for the element type. */
  SlotKernels kernels() {
    return kernels;
  }

  /** Logical position of the token in a slot of a page. */
  int position(int page, int slot) {
    return pages.get(ValueLayout.JAVA_INT, layout.position(page, slot));
  }

  /** All pages. */
  MemorySegment pages() {
    return pages;
  }

  /** Whether a page may hold an infinity or NaN. */
  boolean isWild(int page) {
    return wild[page];
  }

  /**
   * Stores a key, a value and their position; {@code key} and {@code value} hold headDim floats,
   * and something else afterwards.
   */
  void put(int page, int slot, float[] key, float[] value, int position) {
    SlotNumbers.reset(this, page, slot);
    putKey(page, slot, key);
    putValue(page, slot, value);
    putPosition(page, slot, position);
  }

  /** Reads a key. */
  void getKey(int page, int slot, float[] key) {
    VectorWords.read(spec().dtype(), pages, layout.key(page, slot), layout.keyStride(), key);
    multiply(key, page, slot, 0);
  }

  /** Reads a value. */
  void getValue(int page, int slot, float[] value) {
    VectorWords.read(spec().dtype(), pages, layout.value(page, slot), KvLayout.WORD, value);
    multiply(value, page, slot, 1);
  }

  /** Makes a vector of its codes, if the type has any. */
  private void multiply(float[] codes, int page, int slot, int ofScale) {
    SlotArray scales = scales();
    if (scales == null) {
      return;
    }
    float scale = scales.tensor().getFloat(scales.at(page, slot) + ofScale);
    for (int dim = 0; dim < codes.length; dim++) {
      codes[dim] *= scale;
    }
  }

  /** Makes codes of a vector and notes their scale, if the type has any. */
  private void divide(float[] vector, int page, int slot, int ofScale) {
    SlotArray scales = scales();
    if (scales == null) {
      return;
    }
    DType dtype = spec().dtype();
    float scale = KvQuantisation.scale(dtype, vector);
    scales.tensor().setFloat(scales.at(page, slot) + ofScale, scale);
    boolean nothing = scale == 0 || Float.isNaN(scale);
    for (int dim = 0; dim < vector.length; dim++) {
      vector[dim] = nothing ? 0 : vector[dim] / scale;
    }
  }

  /** Stores a key; the array holds something else afterwards. */
  void putKey(int page, int slot, float[] key) {
    divide(key, page, slot, 0);
    DType dtype = spec().dtype();
    VectorWords.write(dtype, kernels, pages, layout.key(page, slot), layout.keyStride(), key);
    wild[page] |= !isTame(key);
  }

  /** Stores a value; the array holds something else afterwards. */
  void putValue(int page, int slot, float[] value) {
    divide(value, page, slot, 1);
    DType dtype = spec().dtype();
    VectorWords.write(dtype, kernels, pages, layout.value(page, slot), KvLayout.WORD, value);
    wild[page] |= !isTame(value);
  }

  /** Notes the largest magnitude of what was stored in a page, before it was rounded. */
  void stored(int page, float most) {
    wild[page] |= !(most < kernels.overflow());
  }

  /** Notes whether all that was imported into a page is finite. */
  void imported(int page, boolean finite) {
    wild[page] = !finite;
  }

  /** Notes that what lay in one page lies in another now. */
  void copied(int fromPage, int toPage) {
    wild[toPage] |= wild[fromPage];
  }

  /** Stores the logical position of the token in a slot of a page. */
  void putPosition(int page, int slot, int position) {
    pages.set(ValueLayout.JAVA_INT, layout.position(page, slot), position);
  }

  /** Whether all elements are finite when they are stored. */
  private boolean isTame(float[] vector) {
    float most = 0;
    for (int dim = 0; dim < vector.length; dim++) {
      most = Math.max(most, Math.abs(vector[dim]));
    }
    return most < kernels.overflow();
  }

  @Override
  protected Support keepsArrays() {
    return Support.yes();
  }

  @Override
  protected Support takesTokenPositions() {
    return Support.yes();
  }

  @Override
  protected void doCopy(int[] from, int[] to) {
    for (int i = 0; i < from.length; i++) {
      MemorySegment.copy(
          pages, layout.position(from[i], 0), pages, layout.position(to[i], 0), layout.pageBytes());
      wild[to[i]] = wild[from[i]];
    }
  }

  @Override
  protected void doExport(int[] from, Tensor toKeys, Tensor toValues, Tensor toPositions) {
    PageCopies copies = new PageCopies(this);
    for (int i = 0; i < from.length; i++) {
      copies.exportPage(from[i], i, toKeys.segment(), toValues.segment(), toPositions.segment());
    }
  }

  @Override
  protected void doImport(int[] to, Tensor fromKeys, Tensor fromValues, Tensor fromPositions) {
    PageCopies copies = new PageCopies(this);
    for (int i = 0; i < to.length; i++) {
      copies.importPage(
          to[i], i, fromKeys.segment(), fromValues.segment(), fromPositions.segment());
    }
  }

  @Override
  protected void release() {
    closeScales();
    NativeLibrary.close(arena);
  }
}
