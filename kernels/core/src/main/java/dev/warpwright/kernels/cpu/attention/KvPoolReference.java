package dev.warpwright.kernels.cpu.attention;

import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.KernelDevice;
import dev.warpwright.kernels.Support;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.attention.KvPool;
import dev.warpwright.kernels.attention.KvPoolSpec;
import java.lang.foreign.Arena;

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
  }

  private long element(int page, int slot, int dim) {
    return ((long) page * spec().pageSize() + slot) * spec().headDim() + dim;
  }

  /** Element {@code dim} of the key in a slot of a page. */
  float key(int page, int slot, int dim) {
    return keys.getFloat(element(page, slot, dim));
  }

  /** Element {@code dim} of the value in a slot of a page. */
  float value(int page, int slot, int dim) {
    return values.getFloat(element(page, slot, dim));
  }

  /** Logical position of the token in a slot of a page. */
  int position(int page, int slot) {
    return positions.getInt((long) page * spec().pageSize() + slot);
  }

  /** Stores one element of a key and a value, rounded to the pool's type. */
  void put(int page, int slot, int dim, float key, float value) {
    keys.setFloat(element(page, slot, dim), key);
    values.setFloat(element(page, slot, dim), value);
  }

  /** Reads a key. */
  void getKey(int page, int slot, double[] key) {
    for (int dim = 0; dim < key.length; dim++) {
      key[dim] = key(page, slot, dim);
    }
  }

  /** Stores a key, rounded to the pool's type. */
  void putKey(int page, int slot, double[] key) {
    for (int dim = 0; dim < key.length; dim++) {
      keys.setFloat(element(page, slot, dim), (float) key[dim]);
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
    for (int dim = 0; dim < spec().headDim(); dim++) {
      put(toPage, toSlot, dim, key(fromPage, fromSlot, dim), value(fromPage, fromSlot, dim));
    }
    putPosition(toPage, toSlot, position(fromPage, fromSlot));
    SlotNumbers.copy(this, fromPage, fromSlot, toPage, toSlot);
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
    arena.close();
  }
}
