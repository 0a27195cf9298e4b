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
import uk.ac.manchester.tornado.api.math.TornadoMath;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/** {@link AppendKv} with one work item an element of a head. */
final class AppendKvTornado extends AppendKv {
  /** Numbers before those of the tokens. */
  private static final int HEADER = 6;

  private final KvPoolTornado pages;
  private final RotationTornado rotation;

  AppendKvTornado(TornadoKernelDevice device, AppendKvSpec spec, KvPool pool) {
    super(device, spec, pool, 0);
    pages = (KvPoolTornado) pool;
    rotation = new RotationTornado(spec.rope());
  }

  /**
   * Rotates keys, rounds and stores.
   *
   * @param step tokens, heads, elements of a head, pairs, whether pairs are neighbours, whether
   *     elements are rounded to F16; then the position of each token, and the slot of each head of
   *     each token
   */
  static void appendKv(
      KernelContext context,
      IntArray step,
      FloatArray rotation,
      FloatArray k,
      FloatArray v,
      FloatArray keys,
      FloatArray values,
      IntArray positions) {
    int item = context.globalIdx;
    int tokens = step.get(0);
    int heads = step.get(1);
    int headDim = step.get(2);
    int pairs = step.get(3);
    if (item < tokens * heads * headDim) {
      int row = item / headDim;
      int dim = item - row * headDim;
      int token = row / heads;
      int slot = step.get(HEADER + tokens + row);
      float key = k.get(item);
      if (dim < 2 * pairs) {
        int pair = dim;
        int other = dim + pairs;
        float sign = -1;
        if (step.get(4) == 1) {
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
        int at = 2 * (token * pairs + pair);
        key = key * rotation.get(at) + sign * (k.get(row * headDim + other) * rotation.get(at + 1));
      }
      float value = v.get(item);
      if (step.get(5) == 1) {
        key = roundToHalf(key);
        value = roundToHalf(value);
      }
      keys.set(slot * headDim + dim, key);
      values.set(slot * headDim + dim, value);
      if (dim == 0) {
        positions.set(slot, step.get(HEADER + token));
      }
    }
  }

  /**
   * The F16 number nearest to {@code x}, ties to even, by arithmetic: a sum with a number whose
   * last place is that of the result is rounded there. Bits of floats are out of a kernel's reach.
   */
  static float roundToHalf(float x) {
    float result = x;
    if (!Float.isNaN(x)) {
      float size = TornadoMath.abs(x);
      float rounded;
      if (size > 65519.996f) {
        rounded = Float.POSITIVE_INFINITY;
      } else if (size < 0x1p-14f) {
        rounded = (size + 0.5f) - 0.5f;
      } else {
        float unit = 1;
        while (size * unit < 1) {
          unit = unit * 2;
        }
        while (size * unit > 1.9999999f) {
          unit = unit * 0.5f;
        }
        rounded = ((size * unit + 8192f) - 8192f) / unit;
      }
      if (x > 0) {
        result = rounded;
      } else if (x < 0) {
        result = -rounded;
      }
    }
    return result;
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
                          pool.values(),
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
    int capacity = BySize.capacity(tokens, spec().maxTokens());
    synchronized (pages.program()) {
      Tokens run =
          pages.kernel(
              List.of(Tokens.class, capacity, kvHeads, rotation.pairs()),
              () -> new Tokens(pages, capacity, kvHeads, headDim, rotation.pairs()));
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
        step.set(HEADER + token, batch.firstPosition(request) + i);
        for (int head = 0; head < kvHeads; head++) {
          int row = batch.rowOf(layer, request, head);
          int slot = batch.length(row) - batch.newTokens(request) + i;
          int page = batch.page(row, slot / batch.pageSize());
          step.set(
              HEADER + tokens + token * kvHeads + head,
              page * batch.pageSize() + slot % batch.pageSize());
        }
      }
    }
  }

  @Override
  protected void release() {}
}
