package dev.warpwright.tornado.attention;

import dev.warpwright.tornado.BySize;
import dev.warpwright.tornado.Program;
import dev.warpwright.tornado.Staged;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.TaskGraph;
import uk.ac.manchester.tornado.api.math.TornadoMath;
import uk.ac.manchester.tornado.api.types.arrays.ByteArray;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;
import uk.ac.manchester.tornado.api.types.arrays.ShortArray;

/**
 * Keys and values of up to some number of tokens on their way into slots of a pool: keys are
 * rotated; where the pool has scales, one work item a vector finds its; then one work item an
 * element rounds and stores.
 */
final class SlotWrites {
  /** Numbers before those of the tokens. */
  private static final int HEADER = 6;

  private final KvPoolTornado pool;
  private final int heads;
  private final Program.Kernel kernel;
  private final IntArray step;
  private final FloatArray rotation;
  private final FloatArray k;
  private final FloatArray v;
  private final FloatArray scales;

  private SlotWrites(KvPoolTornado pool, int heads, int pairs, int tokens) {
    this.pool = pool;
    this.heads = heads;
    int headDim = pool.spec().headDim();
    step = Staged.ints(HEADER + (long) tokens * (1 + heads));
    rotation = Staged.floats(2L * tokens * pairs);
    k = Staged.floats((long) tokens * heads * headDim);
    v = Staged.floats((long) tokens * heads * headDim);
    scales = Staged.floats(pool.isScaled() ? 2L * tokens * heads : 0);
    List<Consumer<TaskGraph>> tasks = new ArrayList<>();
    if (pool.isScaled()) {
      tasks.add(
          graph ->
              graph.task(
                  Program.task(0),
                  SlotWrites::findScales,
                  new KernelContext(),
                  pool.type(),
                  step,
                  rotation,
                  k,
                  v,
                  scales));
    }
    String last = Program.task(tasks.size());
    tasks.add(
        graph ->
            graph.task(
                last,
                SlotWrites::store,
                new KernelContext(),
                pool.type(),
                step,
                rotation,
                k,
                v,
                scales,
                pool.keys().floats,
                pool.keys().shorts,
                pool.keys().bytes,
                pool.values().floats,
                pool.values().shorts,
                pool.values().bytes,
                pool.positions()));
    kernel =
        pool.program()
            .add("slotWrites", List.of(step, rotation, k, v), List.of(scales), true, tasks);
  }

  /** Those of a pool that have room for {@code tokens} tokens of so many heads. */
  static SlotWrites of(KvPoolTornado pool, int heads, int pairs, int tokens) {
    return pool.kernel(
        List.of(SlotWrites.class, heads, pairs),
        BySize.capacity(tokens, Integer.MAX_VALUE),
        size -> new SlotWrites(pool, heads, pairs, size));
  }

  /**
   * Takes the numbers of a run; {@code positioned} if the slots get the positions of the tokens.
   */
  void begin(int tokens, RotationTornado turns, boolean positioned) {
    Staged.in(
        step,
        tokens,
        heads,
        pool.spec().headDim(),
        turns.pairs(),
        turns.interleaved(),
        positioned ? 1 : 0);
    Staged.in(rotation, turns.table());
  }

  /** Takes the position of a token. */
  void position(int token, int position) {
    step.set(HEADER + token, position);
  }

  /** Takes the slot of a vector, counted over all pages; vectors are counted by token and head. */
  void place(int vector, int place) {
    step.set(HEADER + step.get(0) + vector, place);
  }

  /** The keys of the tokens. */
  FloatArray keys() {
    return k;
  }

  /** The values of the tokens. */
  FloatArray values() {
    return v;
  }

  /** Stores, and notes the scales. */
  void run() {
    int vectors = step.get(0) * heads;
    int elements = Staged.groups((long) vectors * pool.spec().headDim());
    if (pool.isScaled()) {
      pool.program().run(kernel, Staged.groups(2L * vectors), elements);
      for (int vector = 0; vector < vectors; vector++) {
        int place = step.get(HEADER + step.get(0) + vector);
        pool.keyScale(place, scales.get(2 * vector));
        pool.valueScale(place, scales.get(2 * vector + 1));
      }
    } else {
      pool.program().run(kernel, elements);
    }
  }

  /**
   * The scales of keys and values, one after the other.
   *
   * @param step tokens, heads, elements of a head, pairs, whether pairs are neighbours, whether
   *     positions are stored; then the position of each token, and the slot of each vector
   */
  static void findScales(
      KernelContext context,
      int type,
      IntArray step,
      FloatArray rotation,
      FloatArray k,
      FloatArray v,
      FloatArray scales) {
    int item = context.globalIdx;
    int heads = step.get(1);
    int headDim = step.get(2);
    int pairs = step.get(3);
    int vector = item / 2;
    if (item < 2 * step.get(0) * heads) {
      int turns = 2 * (vector / heads) * pairs;
      float most = 0;
      float bad = 0;
      for (int dim = 0; dim < headDim; dim++) {
        float element = v.get(vector * headDim + dim);
        if (item == 2 * vector) {
          element =
              RotationTornado.element(
                  k, vector * headDim, dim, rotation, turns, pairs, step.get(4));
        }
        float size = TornadoMath.abs(element);
        if (Float.isNaN(size)) {
          bad = size;
        } else if (size > most) {
          most = size;
        }
      }
      scales.set(item, Elements.scale(type, most, bad));
    }
  }

  static void store(
      KernelContext context,
      int type,
      IntArray step,
      FloatArray rotation,
      FloatArray k,
      FloatArray v,
      FloatArray scales,
      FloatArray keys,
      ShortArray shortKeys,
      ByteArray byteKeys,
      FloatArray values,
      ShortArray shortValues,
      ByteArray byteValues,
      IntArray positions) {
    int item = context.globalIdx;
    int tokens = step.get(0);
    int heads = step.get(1);
    int headDim = step.get(2);
    int pairs = step.get(3);
    if (item < tokens * heads * headDim) {
      int vector = item / headDim;
      int dim = item - vector * headDim;
      int token = vector / heads;
      int slot = step.get(HEADER + tokens + vector);
      int at = slot * headDim + dim;
      float key =
          RotationTornado.element(
              k, vector * headDim, dim, rotation, 2 * token * pairs, pairs, step.get(4));
      float value = v.get(item);
      if (type >= Elements.I8) {
        key = Elements.divided(key, scales.get(2 * vector));
        value = Elements.divided(value, scales.get(2 * vector + 1));
      }
      Elements.set(type, keys, shortKeys, byteKeys, at, key);
      Elements.set(type, values, shortValues, byteValues, at, value);
      if (dim == 0) {
        if (step.get(5) == 1) {
          positions.set(slot, step.get(HEADER + token));
        }
      }
    }
  }
}
