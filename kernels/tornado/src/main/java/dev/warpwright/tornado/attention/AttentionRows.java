package dev.warpwright.tornado.attention;

import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.attention.AttentionBias;
import dev.warpwright.kernels.attention.Heads;
import dev.warpwright.kernels.attention.Masking;
import dev.warpwright.kernels.attention.PageTables;
import dev.warpwright.tornado.BySize;
import dev.warpwright.tornado.Program;
import dev.warpwright.tornado.Staged;
import java.util.List;
import org.jspecify.annotations.Nullable;
import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/** Attention of the query tokens of a batch: what decode and prefill have in common. */
final class AttentionRows {
  private final KvPoolTornado pool;
  private final Heads heads;
  private final float scale;
  private final Masking masking;
  private final RotationTornado rotation;
  private final StepTable table = new StepTable();

  AttentionRows(
      KvPoolTornado pool, Heads heads, float scale, Masking masking, RotationTornado rotation) {
    this.pool = pool;
    this.heads = heads;
    this.scale = scale;
    this.masking = masking;
    this.rotation = rotation;
  }

  /**
   * Arrays of some sizes, and the kernel over them.
   *
   * @param numbers numbers of a step's tables
   * @param slots slots of a layer that have {@link SlotNumbers}; 0 when there are none
   * @param scores scores of a layer; 0 when they are not asked for
   * @param stride logits that are kept of each head for the scores
   */
  private record Size(Heads heads, int pairs, int numbers, int slots, int scores, int stride) {}

  private static final class Arrays {
    final Program.Kernel kernel;
    final IntArray step;
    final FloatArray reals;
    final FloatArray slots;
    final FloatArray q;
    final FloatArray out;
    final FloatArray lse;
    final FloatArray scores;

    Arrays(KvPoolTornado pool, Size size, int tokens) {
      long entries = (long) tokens * size.heads.queryHeads();
      step = Staged.ints(size.numbers);
      reals = StepReals.allocate(size.heads, tokens, size.pairs);
      slots = Staged.floats(SlotNumbers.WIDTH * (long) size.slots);
      q = Staged.floats(entries * size.heads.headDim());
      out = Staged.floats(entries * size.heads.headDim());
      lse = Staged.floats(entries);
      scores = Staged.floats(size.scores);
      FloatArray logits = Staged.floats(entries * size.stride);
      KernelContext context = new KernelContext();
      kernel =
          pool.program()
              .add(
                  "attention",
                  List.of(step, reals, slots, q),
                  List.of(out, lse, scores),
                  false,
                  List.of(
                      graph ->
                          graph.task(
                              Program.task(0),
                              AttentionKernel::attend,
                              context,
                              pool.type(),
                              step,
                              reals,
                              slots,
                              q,
                              pool.keys().floats,
                              pool.keys().shorts,
                              pool.keys().bytes,
                              pool.values().floats,
                              pool.values().shorts,
                              pool.values().bytes,
                              pool.positions(),
                              out,
                              lse,
                              logits),
                      graph ->
                          graph.task(
                              Program.task(1),
                              AttentionKernel::reduceScores,
                              context,
                              step,
                              reals,
                              lse,
                              logits,
                              scores)));
    }
  }

  /** Computes one layer; {@code factor} is what sums of scores are multiplied with. */
  void run(
      PageTables batch,
      int layer,
      Tensor q,
      AttentionBias bias,
      Tensor out,
      @Nullable Tensor lse,
      @Nullable Tensor scores,
      float factor) {
    int tokens = batch.tokens();
    int stride = scores == null ? 0 : BySize.capacity(batch.maxLength(), Integer.MAX_VALUE);
    boolean numbered = SlotNumbers.wanted(pool, bias);
    table.fill(batch, layer, heads, masking, rotation, Integer.MAX_VALUE, stride, numbered);
    int slots = BySize.capacity(Math.toIntExact(batch.slots(layer)), Integer.MAX_VALUE);
    Size size =
        new Size(
            heads,
            rotation.pairs(),
            table.capacity(),
            numbered ? slots : 0,
            scores == null ? 0 : slots,
            stride);
    synchronized (pool.program()) {
      Arrays run =
          pool.kernel(
              size, BySize.capacity(tokens, Integer.MAX_VALUE), n -> new Arrays(pool, size, n));
      table.copyTo(run.step);
      StepReals.fill(run.reals, heads, scale, masking, factor, bias, rotation);
      if (numbered) {
        SlotNumbers.fill(run.slots, pool, batch, layer, bias);
      }
      Staged.in(q, run.q);
      int rows = batch.requests() * heads.kvHeads();
      pool.program()
          .run(
              run.kernel,
              tokens * heads.queryHeads(),
              Math.max(1, Staged.groups((long) rows * stride)));
      Staged.out(run.out, out);
      if (lse != null) {
        Staged.out(run.lse, lse);
      }
      if (scores != null) {
        Staged.out(run.scores, scores);
      }
    }
  }
}
