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
    long at = layout.key(page, slot);
    for (int dim = 0; dim < key.length; dim++) {
      long word = at + (long) (dim / layout.wordElements()) * layout.keyStride();
      key[dim] = kernels.get(pages, word, dim % layout.wordElements());
    }
    multiply(key, page, slot, 0);
  }

  /** Reads a value. */
  void getValue(int page, int slot, float[] value) {
    long at = layout.value(page, slot);
    for (int dim = 0; dim < value.length; dim++) {
      long word = at + (long) (dim / layout.wordElements()) * KvLayout.WORD;
      value[dim] = kernels.get(pages, word, dim % layout.wordElements());
    }
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
    long at = layout.key(page, slot);
    for (int word = 0; word < layout.words(); word++) {
      pages.set(
          ValueLayout.JAVA_INT, at + (long) word * layout.keyStride(), kernels.word(key, word));
    }
    wild[page] |= !isTame(key);
  }

  /** Stores a value; the array holds something else afterwards. */
  void putValue(int page, int slot, float[] value) {
    divide(value, page, slot, 1);
    long at = layout.value(page, slot);
    for (int word = 0; word < layout.words(); word++) {
      pages.set(ValueLayout.JAVA_INT, at + (long) word * KvLayout.WORD, kernels.word(value, word));
    }
    wild[page] |= !isTame(value);
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

  /** Copies a slot, its position and the numbers beside it. */
  void copySlot(int fromPage, int fromSlot, int toPage, int toSlot) {
    long key = layout.key(fromPage, fromSlot);
    long toKey = layout.key(toPage, toSlot);
    for (int word = 0; word < layout.words(); word++) {
      long at = (long) word * layout.keyStride();
      pages.set(ValueLayout.JAVA_INT, toKey + at, pages.get(ValueLayout.JAVA_INT, key + at));
    }
    MemorySegment.copy(
        pages,
        layout.value(fromPage, fromSlot),
        pages,
        layout.value(toPage, toSlot),
        layout.rowBytes());
    pages.set(ValueLayout.JAVA_INT, layout.position(toPage, toSlot), position(fromPage, fromSlot));
    wild[toPage] |= wild[fromPage];
    SlotNumbers.copy(this, fromPage, fromSlot, toPage, toSlot);
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
    int[] block = new int[blockWords()];
    for (int i = 0; i < from.length; i++) {
      exportPage(from[i], i, toKeys.segment(), toValues.segment(), toPositions.segment(), block);
    }
  }

  @Override
  protected void doImport(int[] to, Tensor fromKeys, Tensor fromValues, Tensor fromPositions) {
    int[] block = new int[blockWords()];
    for (int i = 0; i < to.length; i++) {
      importPage(
          to[i], i, fromKeys.segment(), fromValues.segment(), fromPositions.segment(), block);
    }
  }

  /** Words of scratch memory that a copy in or out needs. */
  int blockWords() {
    return Lanes.BLOCK * layout.words();
  }

  /** Copies a page out, in canonical form, as entry {@code index} of each tensor. */
  void exportPage(
      int page,
      int index,
      MemorySegment toKeys,
      MemorySegment toValues,
      MemorySegment toPositions,
      int[] block) {
    MemorySegment.copy(
        pages, layout.position(page, 0), toPositions, index * positionBytes(), positionBytes());
    for (int slot = 0; slot < spec().pageSize(); slot += Lanes.BLOCK) {
      int count = Math.min(Lanes.BLOCK, spec().pageSize() - slot);
      readKeys(page, slot, count, block);
      toCanonical(block, count, toKeys, index, slot);
      readValues(page, slot, count, block);
      toCanonical(block, count, toValues, index, slot);
    }
  }

  /** Copies a page in from canonical form, entry {@code index} of each tensor. */
  void importPage(
      int page,
      int index,
      MemorySegment fromKeys,
      MemorySegment fromValues,
      MemorySegment fromPositions,
      int[] block) {
    MemorySegment.copy(
        fromPositions, index * positionBytes(), pages, layout.position(page, 0), positionBytes());
    boolean finite = true;
    for (int slot = 0; slot < spec().pageSize(); slot += Lanes.BLOCK) {
      int count = Math.min(Lanes.BLOCK, spec().pageSize() - slot);
      fromCanonical(fromKeys, index, slot, count, block);
      finite &= kernels.areFinite(block, count * layout.words());
      writeKeys(page, slot, count, block);
      fromCanonical(fromValues, index, slot, count, block);
      finite &= kernels.areFinite(block, count * layout.words());
      writeValues(page, slot, count, block);
    }
    wild[page] = !finite;
  }

  /** Copies keys of up to a block of slots out as rows of words. */
  private void readKeys(int page, int slot, int count, int[] rows) {
    int words = layout.words();
    for (int s = 0; s < count; s++) {
      long at = layout.key(page, slot + s);
      for (int word = 0; word < words; word++) {
        rows[s * words + word] =
            pages.get(ValueLayout.JAVA_INT, at + (long) word * layout.keyStride());
      }
    }
  }

  private void writeKeys(int page, int slot, int count, int[] rows) {
    int words = layout.words();
    for (int s = 0; s < count; s++) {
      long at = layout.key(page, slot + s);
      for (int word = 0; word < words; word++) {
        pages.set(
            ValueLayout.JAVA_INT, at + (long) word * layout.keyStride(), rows[s * words + word]);
      }
    }
  }

  private void readValues(int page, int slot, int count, int[] rows) {
    int words = layout.words();
    for (int s = 0; s < count; s++) {
      MemorySegment.copy(
          pages, ValueLayout.JAVA_INT, layout.value(page, slot + s), rows, s * words, words);
    }
  }

  private void writeValues(int page, int slot, int count, int[] rows) {
    int words = layout.words();
    for (int s = 0; s < count; s++) {
      MemorySegment.copy(
          rows, s * words, pages, ValueLayout.JAVA_INT, layout.value(page, slot + s), words);
    }
  }

  private void toCanonical(int[] rows, int count, MemorySegment to, int page, int slot) {
    MemorySegment.copy(
        rows,
        0,
        to,
        ValueLayout.JAVA_INT_UNALIGNED,
        canonicalAt(page, slot),
        count * layout.words());
  }

  private void fromCanonical(MemorySegment from, int page, int slot, int count, int[] rows) {
    MemorySegment.copy(
        from,
        ValueLayout.JAVA_INT_UNALIGNED,
        canonicalAt(page, slot),
        rows,
        0,
        count * layout.words());
  }

  private long canonicalAt(int page, int slot) {
    return ((long) page * spec().pageSize() + slot) * layout.words() * KvLayout.WORD;
  }

  @Override
  protected void release() {
    closeScales();
    NativeLibrary.close(arena);
  }
}
