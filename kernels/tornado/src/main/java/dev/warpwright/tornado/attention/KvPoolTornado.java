package dev.warpwright.tornado.attention;

import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.attention.KvPool;
import dev.warpwright.kernels.attention.KvPoolSpec;
import dev.warpwright.tornado.Program;
import dev.warpwright.tornado.Staged;
import dev.warpwright.tornado.TornadoKernelDevice;
import java.util.HashMap;
import java.util.Map;
import java.util.function.Supplier;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/**
 * A pool in canonical form that stays on the device, in one program with all kernels over it. The
 * elements of an F16 pool are F32 numbers that are rounded to F16.
 */
final class KvPoolTornado extends KvPool {
  private final FloatArray keys;
  private final FloatArray values;
  private final IntArray positions;
  private final Program program;
  private final Map<Object, Object> kernels = new HashMap<>();

  KvPoolTornado(TornadoKernelDevice device, KvPoolSpec spec) {
    long slots = (long) spec.headPages() * spec.pageSize();
    super(device, spec, slots * (2L * spec.headDim() + 1) * Float.BYTES);
    keys = Staged.floats(slots * spec.headDim());
    values = Staged.floats(slots * spec.headDim());
    positions = Staged.ints(slots);
    positions.init(-1);
    program = new Program(device, keys, values, positions);
  }

  FloatArray keys() {
    return keys;
  }

  FloatArray values() {
    return values;
  }

  IntArray positions() {
    return positions;
  }

  Program program() {
    return program;
  }

  /** A kernel and its arrays, for all plans over this pool that have the same sizes. */
  @SuppressWarnings("unchecked") // a key stands for one class
  synchronized <T> T kernel(Object key, Supplier<T> make) {
    return (T) kernels.computeIfAbsent(key, k -> make.get());
  }

  @Override
  protected void doExport(int[] pages, Tensor toKeys, Tensor toValues, Tensor toPositions) {
    synchronized (program) {
      program.bringHome();
      int slots = spec().pageSize();
      int elements = slots * spec().headDim();
      for (int i = 0; i < pages.length; i++) {
        for (int e = 0; e < elements; e++) {
          toKeys.setFloat((long) i * elements + e, keys.get(pages[i] * elements + e));
          toValues.setFloat((long) i * elements + e, values.get(pages[i] * elements + e));
        }
        for (int s = 0; s < slots; s++) {
          toPositions.setInt((long) i * slots + s, positions.get(pages[i] * slots + s));
        }
      }
    }
  }

  @Override
  protected void doImport(int[] pages, Tensor fromKeys, Tensor fromValues, Tensor fromPositions) {
    synchronized (program) {
      program.bringHome();
      int slots = spec().pageSize();
      int elements = slots * spec().headDim();
      for (int i = 0; i < pages.length; i++) {
        Staged.floats(fromKeys, (long) i * elements, elements, keys, pages[i] * elements);
        Staged.floats(fromValues, (long) i * elements, elements, values, pages[i] * elements);
        for (int s = 0; s < slots; s++) {
          positions.set(pages[i] * slots + s, fromPositions.getInt((long) i * slots + s));
        }
      }
      program.changed();
    }
  }

  /** Whether stored elements are rounded to F16. */
  boolean isHalf() {
    return spec().dtype() == DType.F16;
  }

  @Override
  protected void release() {
    program.close();
  }
}
