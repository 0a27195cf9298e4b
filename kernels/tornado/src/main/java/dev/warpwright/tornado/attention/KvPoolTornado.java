package dev.warpwright.tornado.attention;

import dev.warpwright.kernels.Checks;
import dev.warpwright.kernels.Support;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.attention.KvPool;
import dev.warpwright.kernels.attention.KvPoolSpec;
import dev.warpwright.kernels.attention.SlotArray;
import dev.warpwright.tornado.Program;
import dev.warpwright.tornado.Staged;
import dev.warpwright.tornado.TornadoKernelDevice;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.IntFunction;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/**
 * A pool in canonical form that stays on the device, in one program with all kernels over it.
 * Numbers beside the slots, scales among them, are tensors, and so in host memory.
 */
final class KvPoolTornado extends KvPool {
  private final Vectors keys;
  private final Vectors values;
  private final IntArray positions;
  private final Program program;
  private final Map<Object, Object> kernels = new HashMap<>();

  KvPoolTornado(TornadoKernelDevice device, KvPoolSpec spec) {
    long slots = (long) spec.headPages() * spec.pageSize();
    super(device, spec, spec.bytes() + slots * Integer.BYTES);
    keys = new Vectors(spec.dtype(), slots * spec.headDim());
    values = new Vectors(spec.dtype(), slots * spec.headDim());
    positions = Staged.ints(slots);
    positions.init(-1);
    List<Object> resident = new ArrayList<>(keys.arrays());
    resident.addAll(values.arrays());
    resident.add(positions);
    program = new Program(device, resident.toArray());
    attachScales();
  }

  /** The constant of the element type in {@link Elements}. */
  int type() {
    return Elements.type(spec().dtype());
  }

  /** Whether elements are codes that a scale belongs to. */
  boolean isScaled() {
    return type() >= Elements.I8;
  }

  Vectors keys() {
    return keys;
  }

  Vectors values() {
    return values;
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

  /** The scale of the key in a slot, counted over all pages; 1 where there are no scales. */
  float keyScale(int place) {
    return scale(2L * place);
  }

  /** The scale of the value in a slot; 1 where there are no scales. */
  float valueScale(int place) {
    return scale(2L * place + 1);
  }

  private float scale(long at) {
    SlotArray scales = scales();
    return scales == null ? 1 : scales.tensor().getFloat(at);
  }

  /** Notes the scale of the key in a slot of a pool that has scales. */
  void keyScale(int place, float scale) {
    Checks.notNull("scales", scales()).tensor().setFloat(2L * place, scale);
  }

  /** Notes the scale of the value in a slot of a pool that has scales. */
  void valueScale(int place, float scale) {
    Checks.notNull("scales", scales()).tensor().setFloat(2L * place + 1, scale);
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
        copy(keys.segment(), pages[i], toKeys.segment(), i, toKeys.bytes() / pages.length);
        copy(values.segment(), pages[i], toValues.segment(), i, toValues.bytes() / pages.length);
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
        copy(fromKeys.segment(), i, keys.segment(), pages[i], fromKeys.bytes() / pages.length);
        copy(
            fromValues.segment(), i, values.segment(), pages[i], fromValues.bytes() / pages.length);
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

  /** Copies page {@code i} of one to page {@code j} of the other. */
  private static void copy(MemorySegment from, int i, MemorySegment to, int j, long bytes) {
    MemorySegment.copy(from, i * bytes, to, j * bytes, bytes);
  }

  @Override
  protected void release() {
    closeScales();
    program.close();
  }
}
