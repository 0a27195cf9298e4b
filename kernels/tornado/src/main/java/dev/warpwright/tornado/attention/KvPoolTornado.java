package dev.warpwright.tornado.attention;

import dev.warpwright.kernels.Checks;
import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.Support;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.attention.KvPool;
import dev.warpwright.kernels.attention.KvPoolSpec;
import dev.warpwright.kernels.attention.SlotArray;
import dev.warpwright.tornado.Program;
import dev.warpwright.tornado.Staged;
import dev.warpwright.tornado.TornadoKernelDevice;
import java.lang.foreign.MemorySegment;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.IntFunction;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;
import uk.ac.manchester.tornado.api.types.arrays.ShortArray;

/**
 * A pool in canonical form that stays on the device, in one program with all kernels over it. Keys
 * and values are floats, or shorts that {@link HalfFloats} understands; the arrays of the other
 * type are empty. Numbers beside the slots are tensors, and so in host memory.
 */
final class KvPoolTornado extends KvPool {
  private final FloatArray keys;
  private final ShortArray halfKeys;
  private final FloatArray values;
  private final ShortArray halfValues;
  private final IntArray positions;
  private final Program program;
  private final Map<Object, Object> kernels = new HashMap<>();

  KvPoolTornado(TornadoKernelDevice device, KvPoolSpec spec) {
    long slots = (long) spec.headPages() * spec.pageSize();
    super(device, spec, spec.bytes() + slots * Integer.BYTES);
    long floats = isHalf() ? 0 : slots * spec.headDim();
    long halves = isHalf() ? slots * spec.headDim() : 0;
    keys = Staged.floats(floats);
    halfKeys = Staged.shorts(halves);
    values = Staged.floats(floats);
    halfValues = Staged.shorts(halves);
    positions = Staged.ints(slots);
    positions.init(-1);
    program = new Program(device, keys, halfKeys, values, halfValues, positions);
  }

  FloatArray keys() {
    return keys;
  }

  ShortArray halfKeys() {
    return halfKeys;
  }

  FloatArray values() {
    return values;
  }

  ShortArray halfValues() {
    return halfValues;
  }

  IntArray positions() {
    return positions;
  }

  Program program() {
    return program;
  }

  /**
   * A kernel and its arrays, for all plans over this pool that have the same sizes. Those of
   * smaller sizes are made with it, because a program to which a kernel is added is compiled anew.
   *
   * @param key what the kernel does, and the sizes that are no power of four
   * @param size a size that is one
   * @param make makes the kernel of a size
   */
  @SuppressWarnings("unchecked") // a key stands for one class
  synchronized <T> T kernel(Object key, int size, IntFunction<T> make) {
    for (long n = 1; !kernels.containsKey(List.of(key, size)) && n <= size; n *= 4) {
      int fewer = (int) n;
      kernels.computeIfAbsent(List.of(key, fewer), k -> make.apply(fewer));
    }
    return (T) Checks.notNull("kernel", kernels.get(List.of(key, size)));
  }

  @Override
  protected Support keepsArrays() {
    return Support.yes();
  }

  @Override
  protected Support takesTokenPositions() {
    return Support.yes();
  }

  /** Gives all numbers beside a slot, counted over all pages, their initial values. */
  void resetNumbers(int place) {
    for (int i = 0; i < arrayCount(); i++) {
      SlotArray array = array(i);
      for (int j = 0; j < array.width(); j++) {
        array.tensor().setFloat((long) place * array.width() + j, array.initial());
      }
    }
  }

  /** Copies all numbers beside a slot to another. */
  void copyNumbers(int from, int to) {
    for (int i = 0; i < arrayCount(); i++) {
      Tensor numbers = array(i).tensor();
      int width = array(i).width();
      for (int j = 0; j < width; j++) {
        numbers.setFloat((long) to * width + j, numbers.getFloat((long) from * width + j));
      }
    }
  }

  @Override
  protected void doCopy(int[] from, int[] to) {
    SlotMoves moves = new SlotMoves();
    int slots = spec().pageSize();
    for (int i = 0; i < from.length; i++) {
      for (int slot = 0; slot < slots; slot++) {
        moves.add(from[i] * slots + slot, to[i] * slots + slot);
      }
      moves.endRun();
    }
    moves.run(this);
  }

  @Override
  protected void doExport(int[] pages, Tensor toKeys, Tensor toValues, Tensor toPositions) {
    synchronized (program) {
      program.bringHome();
      for (int i = 0; i < pages.length; i++) {
        copy(keySegment(), pages[i], toKeys.segment(), i, toKeys.bytes() / pages.length);
        copy(valueSegment(), pages[i], toValues.segment(), i, toValues.bytes() / pages.length);
        copy(
            positions.getSegment(),
            pages[i],
            toPositions.segment(),
            i,
            toPositions.bytes() / pages.length);
      }
    }
  }

  @Override
  protected void doImport(int[] pages, Tensor fromKeys, Tensor fromValues, Tensor fromPositions) {
    synchronized (program) {
      program.bringHome();
      for (int i = 0; i < pages.length; i++) {
        copy(fromKeys.segment(), i, keySegment(), pages[i], fromKeys.bytes() / pages.length);
        copy(fromValues.segment(), i, valueSegment(), pages[i], fromValues.bytes() / pages.length);
        copy(
            fromPositions.segment(),
            i,
            positions.getSegment(),
            pages[i],
            fromPositions.bytes() / pages.length);
      }
      program.changed();
    }
  }

  private MemorySegment keySegment() {
    return isHalf() ? halfKeys.getSegment() : keys.getSegment();
  }

  private MemorySegment valueSegment() {
    return isHalf() ? halfValues.getSegment() : values.getSegment();
  }

  /** Copies page {@code i} of one to page {@code j} of the other. */
  private static void copy(MemorySegment from, int i, MemorySegment to, int j, long bytes) {
    MemorySegment.copy(from, i * bytes, to, j * bytes, bytes);
  }

  /** Whether keys and values are shorts. */
  boolean isHalf() {
    return spec().dtype() == DType.F16;
  }

  @Override
  protected void release() {
    program.close();
  }
}
