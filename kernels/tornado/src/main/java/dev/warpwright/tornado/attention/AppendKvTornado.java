package dev.warpwright.tornado.attention;

import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.attention.AppendKv;
import dev.warpwright.kernels.attention.AppendKvSpec;
import dev.warpwright.kernels.attention.KvPool;
import dev.warpwright.kernels.attention.PageTables;
import dev.warpwright.tornado.BySize;
import dev.warpwright.tornado.Program;
import dev.warpwright.tornado.Staged;
import dev.warpwright.tornado.TornadoKernelDevice;
import java.util.List;
import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;
import uk.ac.manchester.tornado.api.types.arrays.ShortArray;

/** {@link AppendKv} with one work item an element of a head. */
final class AppendKvTornado extends AppendKv {
  /** Numbers before those of the tokens. */
  private static final int HEADER = 6;

  private final KvPoolTornado pages;
  private final RotationTornado rotation;

  AppendKvTornado(TornadoKernelDevice device, AppendKvSpec spec, KvPool pool) {
    super(device, spec, pool, 0);
    pages = (KvPoolTornado) pool;
    rotation = new RotationTornado(spec.rope(), Integer.MAX_VALUE);
  }

  /**
   * Rotates keys, rounds and stores.
   *
   * @param step tokens, heads, elements of a head, pairs, whether pairs are neighbours, whether the
   *     pool is F16; then the position of each token, and the slot of each head of each token
   */
  static void appendKv(
      KernelContext context,
      IntArray step,
      FloatArray rotation,
      FloatArray k,
      FloatArray v,
      FloatArray keys,
      ShortArray halfKeys,
      FloatArray values,
      ShortArray halfValues,
      IntArray positions) {
    int item = context.globalIdx;
    int tokens = step.get(0);
    int heads = step.get(1);
    int headDim = step.get(2);
    int pairs = step.get(3);
    int half = step.get(5);
    if (item < tokens * heads * headDim) {
      int row = item / headDim;
      int dim = item - row * headDim;
      int token = row / heads;
      int slot = step.get(HEADER + tokens + row);
      int at = slot * headDim + dim;
      float key =
          RotationTornado.element(
              k, row * headDim, dim, rotation, 2 * token * pairs, pairs, step.get(4));
      HalfFloats.set(half, keys, halfKeys, at, key);
      HalfFloats.set(half, values, halfValues, at, v.get(item));
      if (dim == 0) {
        positions.set(slot, step.get(HEADER + token));
      }
    }
  }

  /** Inputs of up to some number of tokens, and the kernel. */
  private static final class Tokens {
    final Program program;
    final Program.Kernel kernel;
    final IntArray step;
    final FloatArray rotation;
    final FloatArray k;
    final FloatArray v;

    Tokens(KvPoolTornado pool, int tokens, int heads, int headDim, int pairs) {
      step = Staged.ints(HEADER + (long) tokens * (1 + heads));
      rotation = Staged.floats(2L * tokens * pairs);
      k = Staged.floats((long) tokens * heads * headDim);
      v = Staged.floats((long) tokens * heads * headDim);
      KernelContext context = new KernelContext();
      program = pool.program();
      kernel =
          program.add(
              "appendKv",
              List.of(step, rotation, k, v),
              List.of(),
              true,
              List.of(
                  graph ->
                      graph.task(
                          Program.task(0),
                          AppendKvTornado::appendKv,
                          context,
                          step,
                          rotation,
                          k,
                          v,
                          pool.keys(),
                          pool.halfKeys(),
                          pool.values(),
                          pool.halfValues(),
                          pool.positions())));
    }
  }

  @Override
  protected void prepare(PageTables batch) {
    rotation.update(batch);
  }

  @Override
  protected void execute(PageTables batch, int layer, Tensor k, Tensor v) {
    int tokens = batch.tokens();
    int kvHeads = heads().kvHeads();
    int headDim = heads().headDim();
    synchronized (pages.program()) {
      Tokens run =
          pages.kernel(
              List.of(Tokens.class, kvHeads, rotation.pairs()),
              BySize.capacity(tokens, Integer.MAX_VALUE),
              n -> new Tokens(pages, n, kvHeads, headDim, rotation.pairs()));
      Staged.in(
          run.step,
          tokens,
          kvHeads,
          headDim,
          rotation.pairs(),
          rotation.interleaved(),
          pages.isHalf() ? 1 : 0);
      fillSlots(batch, layer, run.step);
      Staged.in(run.rotation, rotation.table());
      Staged.in(k, run.k);
      Staged.in(v, run.v);
      run.program.run(run.kernel, Staged.groups(k.elements()));
    }
  }

  private void fillSlots(PageTables batch, int layer, IntArray step) {
    int kvHeads = heads().kvHeads();
    int tokens = batch.tokens();
    for (int request = 0; request < batch.requests(); request++) {
      for (int i = 0; i < batch.newTokens(request); i++) {
        int token = batch.tokenStart(request) + i;
        step.set(HEADER + token, batch.position(request, i));
        for (int head = 0; head < kvHeads; head++) {
          int row = batch.rowOf(layer, request, head);
          int slot = batch.length(row) - batch.newTokens(request) + i;
          int page = batch.page(row, slot / batch.pageSize());
          int place = page * batch.pageSize() + slot % batch.pageSize();
          step.set(HEADER + tokens + token * kvHeads + head, place);
          pages.resetNumbers(place);
        }
      }
    }
  }

  @Override
  protected void release() {}
}
