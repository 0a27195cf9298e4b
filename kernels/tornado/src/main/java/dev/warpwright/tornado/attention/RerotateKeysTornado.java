package dev.warpwright.tornado.attention;

import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.attention.KvPool;
import dev.warpwright.kernels.attention.KvPoolSpec;
import dev.warpwright.kernels.attention.PageTables;
import dev.warpwright.kernels.attention.RerotateKeys;
import dev.warpwright.kernels.attention.RerotateKeysSpec;
import dev.warpwright.kernels.attention.Rope;
import dev.warpwright.tornado.Program;
import dev.warpwright.tornado.Staged;
import dev.warpwright.tornado.TornadoKernelDevice;
import java.util.List;
import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.math.TornadoMath;
import uk.ac.manchester.tornado.api.types.arrays.ByteArray;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;
import uk.ac.manchester.tornado.api.types.arrays.ShortArray;

/**
 * {@link RerotateKeys} with one group of work items a slot, some slots at a time. Cosines and sines
 * are computed on the host, in double; for that the positions come home.
 */
final class RerotateKeysTornado extends RerotateKeys {
  /** Slots of one run. */
  private static final int CHUNK = 1024;

  /** Numbers before those of the slots: pairs, whether they are neighbours, elements of a head. */
  private static final int HEADER = 3;

  private static final int LANES = Program.GROUP;

  private final KvPoolTornado pages;
  private final Rope rope;
  private final int pairs;

  RerotateKeysTornado(TornadoKernelDevice device, RerotateKeysSpec spec, KvPool pool) {
    super(device, spec, pool, 0);
    pages = (KvPoolTornado) pool;
    rope = spec.rope();
    pairs = rope.style() == Rope.Style.NONE ? 0 : rope.rotaryDim() / 2;
  }

  /**
   * Turns.
   *
   * @param step numbers of the run; for each slot its place, and its new position
   * @param turns cosine and sine of each pair of each slot
   * @param scales of each slot's key, before and after
   */
  static void rerotateKeys(
      KernelContext context,
      int type,
      IntArray step,
      FloatArray turns,
      FloatArray scales,
      FloatArray keys,
      ShortArray shortKeys,
      ByteArray byteKeys,
      IntArray positions) {
    int slot = context.groupIdx;
    int lane = context.localIdx;
    float[] key = context.allocateFloatLocalArray(KvPoolSpec.MAX_HEAD_DIM);
    float[] turned = context.allocateFloatLocalArray(KvPoolSpec.MAX_HEAD_DIM);
    int pairs = step.get(0);
    int headDim = step.get(2);
    int place = step.get(HEADER + 2 * slot);
    float scale = 1;
    if (type >= Elements.I8) {
      scale = scales.get(slot);
    }
    for (int dim = lane; dim < headDim; dim += LANES) {
      key[dim] = Elements.get(type, keys, shortKeys, byteKeys, place * headDim + dim) * scale;
    }
    context.localBarrier();
    for (int dim = lane; dim < headDim; dim += LANES) {
      float element = key[dim];
      if (dim < 2 * pairs) {
        int pair = dim;
        int other = dim + pairs;
        float sign = -1;
        if (step.get(1) == 1) {
          pair = dim / 2;
          other = dim + 1;
          if (2 * pair < dim) {
            other = dim - 1;
            sign = 1;
          }
        } else if (dim >= pairs) {
          pair = dim - pairs;
          other = pair;
          sign = 1;
        }
        int at = 2 * (slot * pairs + pair);
        element = element * turns.get(at) + sign * (key[other] * turns.get(at + 1));
      }
      turned[dim] = element;
    }
    context.localBarrier();
    int changed = 2 * pairs;
    if (type >= Elements.I8) {
      changed = headDim;
      float most = 0;
      float bad = 0;
      for (int dim = 0; dim < headDim; dim++) {
        float size = TornadoMath.abs(turned[dim]);
        if (Float.isNaN(size)) {
          bad = size;
        } else if (size > most) {
          most = size;
        }
      }
      scale = Elements.scale(type, most, bad);
      if (lane == 0) {
        scales.set(slot, scale);
      }
    }
    for (int dim = lane; dim < changed; dim += LANES) {
      float element = turned[dim];
      if (type >= Elements.I8) {
        element = Elements.divided(element, scale);
      }
      Elements.set(type, keys, shortKeys, byteKeys, place * headDim + dim, element);
    }
    if (lane == 0) {
      positions.set(place, step.get(HEADER + 2 * slot + 1));
    }
  }

  /** The numbers of some slots, and the kernel. */
  private static final class Slots {
    final Program.Kernel kernel;
    final IntArray step = Staged.ints(HEADER + 2L * CHUNK);
    final FloatArray turns;
    final FloatArray scales = Staged.floats(CHUNK);

    Slots(KvPoolTornado pool, int pairs) {
      turns = Staged.floats(2L * CHUNK * pairs);
      KernelContext context = new KernelContext();
      kernel =
          pool.program()
              .add(
                  "rerotateKeys",
                  List.of(step, turns, scales),
                  List.of(scales),
                  true,
                  List.of(
                      graph ->
                          graph.task(
                              Program.task(0),
                              RerotateKeysTornado::rerotateKeys,
                              context,
                              pool.type(),
                              step,
                              turns,
                              scales,
                              pool.keys().floats,
                              pool.keys().shorts,
                              pool.keys().bytes,
                              pool.positions())));
    }
  }

  @Override
  protected void prepare(PageTables batch) {}

  @Override
  protected void execute(PageTables batch, int layer, Tensor positions) {
    synchronized (pages.program()) {
      Slots run = pages.kernel(List.of(Slots.class, pairs), 1, n -> new Slots(pages, pairs));
      pages.program().bringHome();
      int count = 0;
      for (int row = batch.rowOf(layer, 0, 0); row < batch.rowOf(layer + 1, 0, 0); row++) {
        for (int slot = 0; slot < batch.length(row); slot++) {
          int place = SlotNumbers.place(batch, row, slot);
          int position = positions.getInt(batch.slotStart(row) + slot);
          int delta = position - pages.positions().get(place);
          if (delta != 0) {
            count = add(run, count, place, position, delta);
          }
        }
      }
      turn(run, count);
    }
  }

  /** Adds a slot, and does those that are there when they are enough; returns their number. */
  private int add(Slots run, int count, int place, int position, int delta) {
    run.step.set(HEADER + 2 * count, place);
    run.step.set(HEADER + 2 * count + 1, position);
    run.scales.set(count, pages.keyScale(place));
    for (int pair = 0; pair < pairs; pair++) {
      double angle = rope.angle(pair, delta);
      run.turns.set(2 * (count * pairs + pair), (float) Math.cos(angle));
      run.turns.set(2 * (count * pairs + pair) + 1, (float) Math.sin(angle));
    }
    if (count + 1 < CHUNK) {
      return count + 1;
    }
    turn(run, CHUNK);
    return 0;
  }

  private void turn(Slots run, int count) {
    if (count > 0) {
      int interleaved = rope.style() == Rope.Style.INTERLEAVED ? 1 : 0;
      Staged.in(run.step, pairs, interleaved, heads().headDim());
      pages.program().run(run.kernel, count);
      for (int slot = 0; slot < count && pages.isScaled(); slot++) {
        pages.keyScale(run.step.get(HEADER + 2 * slot), run.scales.get(slot));
      }
    }
  }

  @Override
  protected void release() {}
}
