package dev.warpwright.tornado.attention;

import dev.warpwright.kernels.Resource;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.attention.KvPool;
import dev.warpwright.kernels.attention.PageTables;
import dev.warpwright.kernels.attention.ScorePages;
import dev.warpwright.kernels.attention.ScorePagesSpec;
import dev.warpwright.kernels.attention.ScorePagesSpec.Estimate;
import dev.warpwright.kernels.attention.ScorePagesSpec.Reduction;
import dev.warpwright.tornado.BySize;
import dev.warpwright.tornado.Program;
import dev.warpwright.tornado.Staged;
import dev.warpwright.tornado.TornadoKernelDevice;
import java.lang.foreign.MemorySegment;
import java.util.List;
import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/** {@link ScorePages} with one work item a page; bounds are in host memory, keys are not read. */
final class ScorePagesTornado extends ScorePages {
  /**
   * Numbers before those of the pages: pages, query heads, heads of a group, elements of a head,
   * pairs, neighbours, whether bounds are mixed, whether heads are summed.
   */
  private static final int HEADER = 8;

  private final RotationTornado rotation;
  private final BySize<Requests> requests;

  ScorePagesTornado(TornadoKernelDevice device, ScorePagesSpec spec, KvPool pool) {
    super(device, spec, pool, 0);
    rotation = new RotationTornado(spec.rope(), 1);
    int queries = spec.heads().queryHeads() * spec.heads().headDim();
    requests =
        new BySize<>(
            device,
            List.of(Requests.class, spec.heads(), rotation.pairs()),
            Integer.MAX_VALUE,
            size -> new Requests(device, queries, spec.heads().headDim(), rotation.pairs(), size));
  }

  /**
   * The formula.
   *
   * @param step numbers of the run; for each page its request and kv head
   * @param reals scale and mix; cosine and sine of each pair of each request
   */
  static void scorePages(
      KernelContext context,
      IntArray step,
      FloatArray reals,
      FloatArray q,
      FloatArray bounds,
      FloatArray scores) {
    int item = context.globalIdx;
    int queryHeads = step.get(1);
    int group = step.get(2);
    int headDim = step.get(3);
    int pairs = step.get(4);
    if (item < step.get(0)) {
      int request = step.get(HEADER + 2 * item);
      int first = request * queryHeads + step.get(HEADER + 2 * item + 1) * group;
      float scale = reals.get(0);
      float mix = reals.get(1);
      float score = Float.NEGATIVE_INFINITY;
      if (step.get(7) == 1) {
        score = 0;
      }
      for (int head = first; head < first + group; head++) {
        float sum = 0;
        for (int dim = 0; dim < headDim; dim++) {
          float query =
              RotationTornado.element(
                      q, head * headDim, dim, reals, 2 + 2 * request * pairs, pairs, step.get(5))
                  * scale;
          float least = bounds.get(2 * item * headDim + dim);
          float most = bounds.get((2 * item + 1) * headDim + dim);
          float term;
          if (step.get(6) == 1) {
            term = query * (mix * most + (1 - mix) * least);
          } else {
            term = larger(query * least, query * most);
          }
          sum += term;
        }
        if (step.get(7) == 1) {
          score = score + sum;
        } else {
          score = larger(score, sum);
        }
      }
      scores.set(item, score);
    }
  }

  /** The larger of two numbers, or NaN. */
  static float larger(float a, float b) {
    float result = a;
    if (Float.isNaN(a)) {
      result = a;
    } else if (Float.isNaN(b)) {
      result = b;
    } else if (b > a) {
      result = b;
    }
    return result;
  }

  /** Arrays for up to {@code size} pages and as many requests, and the kernel. */
  private static final class Requests implements Resource {
    private final Program program;
    private final Program.Kernel kernel;
    private final IntArray step;
    private final FloatArray reals;
    private final FloatArray q;
    private final FloatArray bounds;
    private final FloatArray scores;

    Requests(TornadoKernelDevice device, int queries, int headDim, int pairs, int size) {
      step = Staged.ints(HEADER + 2L * size);
      reals = Staged.floats(2 + 2L * size * pairs);
      q = Staged.floats((long) size * queries);
      bounds = Staged.floats(2L * size * headDim);
      scores = Staged.floats(size);
      KernelContext context = new KernelContext();
      program = new Program(device);
      kernel =
          program.add(
              "scorePages",
              List.of(step, reals, q, bounds),
              List.of(scores),
              false,
              List.of(
                  graph ->
                      graph.task(
                          Program.task(0),
                          ScorePagesTornado::scorePages,
                          context,
                          step,
                          reals,
                          q,
                          bounds,
                          scores)));
    }

    @Override
    public void close() {
      program.close();
    }
  }

  @Override
  protected void prepare(PageTables batch) {
    rotation.update(batch);
  }

  @Override
  protected void execute(PageTables batch, int layer, Tensor q, Tensor bounds, Tensor scores) {
    int count = batch.usedPages(layer);
    int headDim = heads().headDim();
    Requests run = requests.get(Math.max(count, batch.requests()));
    Staged.in(
        run.step,
        count,
        heads().queryHeads(),
        heads().group(),
        headDim,
        rotation.pairs(),
        rotation.interleaved(),
        spec().estimate() == Estimate.MIX ? 1 : 0,
        spec().reduction() == Reduction.SUM ? 1 : 0);
    Staged.in(run.reals, scaleMixAndTurns());
    Staged.in(q, run.q);
    long bytes = 2L * headDim * Float.BYTES;
    int item = 0;
    for (int row = 0; row < batch.requests() * heads().kvHeads(); row++) {
      int inTables = batch.rowOf(layer, 0, 0) + row;
      for (int index = 0; index < batch.usedPageCount(inTables); index++) {
        run.step.set(HEADER + 2 * item, row / heads().kvHeads());
        run.step.set(HEADER + 2 * item + 1, row % heads().kvHeads());
        MemorySegment page = bounds.row(batch.page(inTables, index)).segment();
        MemorySegment.copy(page, 0, run.bounds.getSegment(), item * bytes, bytes);
        item++;
      }
    }
    run.program.run(run.kernel, Staged.groups(count));
    Staged.out(run.scores, scores);
  }

  private float[] scaleMixAndTurns() {
    float[] reals = new float[2 + rotation.table().length];
    reals[0] = spec().scale();
    reals[1] = spec().mix();
    System.arraycopy(rotation.table(), 0, reals, 2, rotation.table().length);
    return reals;
  }

  @Override
  protected void release() {
    requests.close();
  }
}
