package dev.warpwright.kernels.cpu.attention;

import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.KernelDevice;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.attention.KvPool;
import dev.warpwright.kernels.attention.KvPoolSpec;
import dev.warpwright.kernels.cpu.HugePages;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** A pool in {@link KvLayout}. */
final class KvPoolVector extends KvPool {
  private final Arena arena = Arena.ofShared();
  private final KvLayout layout;
  private final SlotKernels kernels;
  private final MemorySegment keys;
  private final MemorySegment values;
  private final MemorySegment positions;

  /** Pages that hold, or once held, an infinity or NaN: fast loops do not take them. */
  private final boolean[] wild;

  KvPoolVector(KernelDevice device, KvPoolSpec spec) {
    KvLayout layout = new KvLayout(spec);
    long positionBytes = (long) spec.headPages() * spec.pageSize() * Integer.BYTES;
    super(device, spec, layout.keyBytes() + layout.valueBytes() + positionBytes + spec.headPages());
    this.layout = layout;
    kernels = spec.dtype() == DType.F32 ? new SlotKernelsF32() : new SlotKernelsF16();
    keys = arena.allocate(layout.keyBytes(), 64);
    values = arena.allocate(layout.valueBytes(), 64);
    positions = arena.allocate(positionBytes, 64);
    positions.fill((byte) -1);
    HugePages.advise(keys);
    HugePages.advise(values);
    HugePages.advise(positions);
    wild = new boolean[spec.headPages()];
  }

  /** Where elements lie. */
  KvLayout layout() {
    return layout;
  }

  /** Loops for the element type. */
  SlotKernels kernels() {
    return kernels;
  }

  /** All keys. */
  MemorySegment keys() {
    return keys;
  }

  /** All values. */
  MemorySegment values() {
    return values;
  }

  /** Logical positions of all slots, I32. */
  MemorySegment positions() {
    return positions;
  }

  /** Whether a page may hold an infinity or NaN. */
  boolean isWild(int page) {
    return wild[page];
  }

  /**
   * Stores a key, a value and their position; {@code key} and {@code value} hold headDim floats.
   */
  void put(int page, int slotInPage, float[] key, float[] value, int position) {
    long slot = layout.slot(page, slotInPage);
    long keyAt = layout.key(slot);
    long valueAt = layout.value(slot);
    int keyStride = layout.keyStride();
    int valueStride = spec().dtype().bytes();
    float most = 0;
    for (int dim = 0; dim < spec().headDim(); dim++) {
      kernels.put(keys, keyAt + (long) dim * keyStride, key[dim]);
      kernels.put(values, valueAt + (long) dim * valueStride, value[dim]);
      most = Math.max(most, Math.max(Math.abs(key[dim]), Math.abs(value[dim])));
    }
    positions.set(ValueLayout.JAVA_INT, slot * Integer.BYTES, position);
    if (!(most < kernels.overflow())) {
      wild[page] = true;
    }
  }

  @Override
  protected void doExport(int[] pages, Tensor toKeys, Tensor toValues, Tensor toPositions) {
    for (int i = 0; i < pages.length; i++) {
      for (int s = 0; s < spec().pageSize(); s++) {
        long from = layout.slot(pages[i], s);
        long to = layout.slot(i, s);
        for (int dim = 0; dim < spec().headDim(); dim++) {
          copy(keys, keyAt(from, dim), toKeys.segment(), canonicalAt(to, dim));
          copy(values, valueAt(from, dim), toValues.segment(), canonicalAt(to, dim));
        }
        toPositions.setInt(to, positions.get(ValueLayout.JAVA_INT, from * Integer.BYTES));
      }
    }
  }

  @Override
  protected void doImport(int[] pages, Tensor fromKeys, Tensor fromValues, Tensor fromPositions) {
    for (int i = 0; i < pages.length; i++) {
      boolean finite = true;
      for (int s = 0; s < spec().pageSize(); s++) {
        long from = layout.slot(i, s);
        long to = layout.slot(pages[i], s);
        for (int dim = 0; dim < spec().headDim(); dim++) {
          copy(fromKeys.segment(), canonicalAt(from, dim), keys, keyAt(to, dim));
          copy(fromValues.segment(), canonicalAt(from, dim), values, valueAt(to, dim));
          finite &=
              Float.isFinite(kernels.get(keys, keyAt(to, dim)))
                  && Float.isFinite(kernels.get(values, valueAt(to, dim)));
        }
        positions.set(ValueLayout.JAVA_INT, to * Integer.BYTES, fromPositions.getInt(from));
      }
      wild[pages[i]] = !finite;
    }
  }

  private long keyAt(long slot, int dim) {
    return layout.key(slot) + (long) dim * layout.keyStride();
  }

  private long valueAt(long slot, int dim) {
    return layout.value(slot) + (long) dim * spec().dtype().bytes();
  }

  private long canonicalAt(long slot, int dim) {
    return (slot * spec().headDim() + dim) * spec().dtype().bytes();
  }

  /** Copies one element bit by bit: a conversion to float and back could change a NaN. */
  private void copy(MemorySegment from, long fromAt, MemorySegment to, long toAt) {
    if (spec().dtype() == DType.F32) {
      to.set(
          ValueLayout.JAVA_INT_UNALIGNED, toAt, from.get(ValueLayout.JAVA_INT_UNALIGNED, fromAt));
    } else {
      to.set(
          ValueLayout.JAVA_SHORT_UNALIGNED,
          toAt,
          from.get(ValueLayout.JAVA_SHORT_UNALIGNED, fromAt));
    }
  }

  @Override
  protected void release() {
    arena.close();
  }
}
