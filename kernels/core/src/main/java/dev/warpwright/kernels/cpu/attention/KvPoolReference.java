package dev.warpwright.kernels.cpu.attention;

import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.KernelDevice;
import dev.warpwright.kernels.Support;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.attention.KvPool;
import dev.warpwright.kernels.attention.KvPoolSpec;
import dev.warpwright.kernels.attention.KvQuantisation;
import dev.warpwright.kernels.attention.SlotArray;
import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;

/** A pool in canonical form: keys and values {@code [headPages, pageSize, headDim]}. */
final class KvPoolReference extends KvPool {
  private final Arena arena = Arena.ofShared();
  private final Tensor keys;
  private final Tensor values;
  private final Tensor positions;

  KvPoolReference(KernelDevice device, KvPoolSpec spec) {
    super(
        device, spec, spec.bytes() + (long) spec.headPages() * spec.pageSize() * DType.I32.bytes());
    keys = Tensor.allocate(arena, spec.dtype(), spec.headPages(), spec.pageSize(), spec.headDim());
    values =
        Tensor.allocate(arena, spec.dtype(), spec.headPages(), spec.pageSize(), spec.headDim());
    positions = Tensor.allocate(arena, DType.I32, spec.headPages(), spec.pageSize());
    positions.segment().fill((byte) -1);
    attachScales();
  }

  private long element(int page, int slot, int dim) {
    return ((long) page * spec().pageSize() + slot) * spec().headDim() + dim;
  }

  /** Element {@code dim} of the key in a slot of a page. */
  float key(int page, int slot, int dim) {
    return get(keys, 0, page, slot, dim);
  }

  /** Element {@code dim} of the value in a slot of a page. */
  float value(int page, int slot, int dim) {
    return get(values, 1, page, slot, dim);
  }

  private float get(Tensor all, int scale, int page, int slot, int dim) {
    SlotArray scales = scales();
    long at = element(page, slot, dim);
    return scales == null
        ? all.getFloat(at)
        : KvQuantisation.value(
            spec().dtype(),
            all.segment().get(ValueLayout.JAVA_BYTE, at),
            scales.tensor().getFloat(scales.at(page, slot) + scale));
  }

  /** Logical position of the token in a slot of a page. */
  int position(int page, int slot) {
    return positions.getInt((long) page * spec().pageSize() + slot);
  }

  /** Reads a key. */
  void getKey(int page, int slot, double[] key) {
    for (int dim = 0; dim < key.length; dim++) {
      key[dim] = key(page, slot, dim);
    }
  }

  /** Stores a key, rounded to the pool's type. */
  void putKey(int page, int slot, double[] key) {
    put(keys, 0, page, slot, key);
  }

  /** Stores a value, rounded to the pool's type. */
  void putValue(int page, int slot, double[] value) {
    put(values, 1, page, slot, value);
  }

  private void put(Tensor all, int ofScale, int page, int slot, double[] vector) {
    float[] rounded = new float[vector.length];
    for (int dim = 0; dim < vector.length; dim++) {
      rounded[dim] = (float) vector[dim];
    }
    SlotArray scales = scales();
    float scale = scales == null ? 1 : KvQuantisation.scale(spec().dtype(), rounded);
    for (int dim = 0; dim < vector.length; dim++) {
      if (scales == null) {
        all.setFloat(element(page, slot, dim), rounded[dim]);
      } else {
        byte code = KvQuantisation.code(spec().dtype(), rounded[dim], scale);
        all.segment().set(ValueLayout.JAVA_BYTE, element(page, slot, dim), code);
      }
    }
    if (scales != null) {
      scales.tensor().setFloat(scales.at(page, slot) + ofScale, scale);
    }
  }

  /** Stores the logical position of the token in a slot of a page. */
  void putPosition(int page, int slot, int position) {
    positions.setInt((long) page * spec().pageSize() + slot, position);
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
    copySlot(keys, fromPage, fromSlot, toPage, toSlot);
    copySlot(values, fromPage, fromSlot, toPage, toSlot);
    putPosition(toPage, toSlot, position(fromPage, fromSlot));
    SlotNumbers.copy(this, fromPage, fromSlot, toPage, toSlot);
  }

  private static void copySlot(Tensor all, int fromPage, int fromSlot, int toPage, int toSlot) {
    Tensor from = all.row(fromPage).row(fromSlot);
    all.row(toPage).row(toSlot).segment().copyFrom(from.segment());
  }

  @Override
  protected void doExport(int[] pages, Tensor toKeys, Tensor toValues, Tensor toPositions) {
    for (int i = 0; i < pages.length; i++) {
      copy(keys, pages[i], toKeys, i);
      copy(values, pages[i], toValues, i);
      copy(positions, pages[i], toPositions, i);
    }
  }

  @Override
  protected void doImport(int[] pages, Tensor fromKeys, Tensor fromValues, Tensor fromPositions) {
    for (int i = 0; i < pages.length; i++) {
      copy(fromKeys, i, keys, pages[i]);
      copy(fromValues, i, values, pages[i]);
      copy(fromPositions, i, positions, pages[i]);
    }
  }

  private static void copy(Tensor from, int fromPage, Tensor to, int toPage) {
    to.row(toPage).segment().copyFrom(from.row(fromPage).segment());
  }

  @Override
  protected void release() {
    closeScales();
    arena.close();
  }
}
