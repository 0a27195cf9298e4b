package dev.warpwright.tornado.attention;

import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.attention.KvPool;
import dev.warpwright.kernels.attention.PageTables;
import dev.warpwright.kernels.attention.RerotateKeys;
import dev.warpwright.kernels.attention.RerotateKeysSpec;
import dev.warpwright.kernels.attention.Rope;
import dev.warpwright.tornado.Program;
import dev.warpwright.tornado.Staged;
import dev.warpwright.tornado.TornadoKernelDevice;
import java.util.List;
import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;
import uk.ac.manchester.tornado.api.types.arrays.ShortArray;

/**
 * {@link RerotateKeys} with one work item a pair of elements of a slot, some slots at a time.
 * Cosines and sines are computed on the host, in double; for that the positions come home.
 */
final class RerotateKeysTornado extends RerotateKeys {
  /** Slots of one run. */
  private static final int CHUNK = 1024;

  /** Numbers before those of the slots: slots, pairs, neighbours, elements of a head, F16. */
  private static final int HEADER = 5;

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
   */
  static void rerotateKeys(
      KernelContext context,
      IntArray step,
      FloatArray turns,
      FloatArray keys,
      ShortArray halfKeys,
      IntArray positions) {
    int item = context.globalIdx;
    int pairs = step.get(1);
    int half = step.get(4);
    int items = pairs;
    if (pairs == 0) {
      items = 1;
    }
    if (item < step.get(0) * items) {
      int slot = item / items;
      int pair = item - slot * items;
      int place = step.get(HEADER + 2 * slot);
      if (pairs > 0) {
        int first = place * step.get(3) + pair;
        int second = first + pairs;
        if (step.get(2) == 1) {
          first = first + pair;
          second = first + 1;
        }
        float cosine = turns.get(2 * item);
        float sine = turns.get(2 * item + 1);
        float a = HalfFloats.get(half, keys, halfKeys, first);
        float b = HalfFloats.get(half, keys, halfKeys, second);
        HalfFloats.set(half, keys, halfKeys, first, a * cosine - b * sine);
        HalfFloats.set(half, keys, halfKeys, second, b * cosine + a * sine);
      }
      if (pair == 0) {
        positions.set(place, step.get(HEADER + 2 * slot + 1));
      }
    }
  }

  /** The numbers of some slots, and the kernel. */
  private static final class Slots {
    final Program.Kernel kernel;
    final IntArray step = Staged.ints(HEADER + 2L * CHUNK);
    final FloatArray turns;

    Slots(KvPoolTornado pool, int pairs) {
      turns = Staged.floats(2L * CHUNK * pairs);
      KernelContext context = new KernelContext();
      kernel =
          pool.program()
              .add(
                  "rerotateKeys",
                  List.of(step, turns),
                  List.of(),
                  true,
                  List.of(
                      graph ->
                          graph.task(
                              Program.task(0),
                              RerotateKeysTornado::rerotateKeys,
                              context,
                              step,
                              turns,
                              pool.keys(),
                              pool.halfKeys(),
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
          int page = batch.page(row, slot / batch.pageSize());
          int place = page * batch.pageSize() + slot % batch.pageSize();
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
      int half = pages.isHalf() ? 1 : 0;
      Staged.in(run.step, count, pairs, interleaved, heads().headDim(), half);
      pages.program().run(run.kernel, Staged.groups((long) count * Math.max(1, pairs)));
    }
  }

  @Override
  protected void release() {}
}
