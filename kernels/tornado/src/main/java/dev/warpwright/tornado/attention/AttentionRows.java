package dev.warpwright.tornado.attention;

import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.attention.AttentionBias;
import dev.warpwright.kernels.attention.Heads;
import dev.warpwright.kernels.attention.Masking;
import dev.warpwright.kernels.attention.PageTables;
import dev.warpwright.tornado.BySize;
import dev.warpwright.tornado.Program;
import dev.warpwright.tornado.Staged;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
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
  private int[] step = new int[0];
  private int count;

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
   * @param tokens query tokens
   * @param numbers numbers of a step's tables
   * @param scores scores of a layer; 0 when they are not asked for
   * @param logits logits that are kept for the scores
   */
  private record Size(Heads heads, int pairs, int tokens, int numbers, int scores, int logits) {}

  private static final class Arrays {
    final Program.Kernel kernel;
    final IntArray step;
    final FloatArray reals;
    final FloatArray q;
    final FloatArray out;
    final FloatArray lse;
    final FloatArray scores;

    Arrays(KvPoolTornado pool, Size size) {
      long entries = (long) size.tokens * size.heads.queryHeads();
      step = Staged.ints(size.numbers);
      reals =
          Staged.floats(
              AttentionKernel.REALS + 2L * size.heads.queryHeads() + 2L * size.tokens * size.pairs);
      q = Staged.floats(entries * size.heads.headDim());
      out = Staged.floats(entries * size.heads.headDim());
      lse = Staged.floats(entries);
      scores = Staged.floats(size.scores);
      FloatArray logits = Staged.floats(size.logits);
      KernelContext context = new KernelContext();
      kernel =
          pool.program()
              .add(
                  "attention",
                  List.of(step, reals, q),
                  List.of(out, lse, scores),
                  false,
                  List.of(
                      graph ->
                          graph.task(
                              Program.task(0),
                              AttentionKernel::attend,
                              context,
                              step,
                              reals,
                              q,
                              pool.keys(),
                              pool.values(),
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
    fillStep(batch, layer, stride);
    int capacity = BySize.capacity(tokens, Integer.MAX_VALUE);
    Size size =
        new Size(
            heads,
            rotation.pairs(),
            capacity,
            BySize.capacity(count, Integer.MAX_VALUE),
            scores == null ? 0 : BySize.capacity((int) scores.elements(), Integer.MAX_VALUE),
            Math.multiplyExact(stride, capacity * heads.queryHeads()));
    synchronized (pool.program()) {
      Arrays run = pool.kernel(size, () -> new Arrays(pool, size));
      MemorySegment.copy(step, 0, run.step.getSegment(), ValueLayout.JAVA_INT_UNALIGNED, 0, count);
      fillReals(run.reals, bias, factor);
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

  private void fillReals(FloatArray reals, AttentionBias bias, float factor) {
    Staged.in(reals, scale, masking.softCap(), factor);
    int queryHeads = heads.queryHeads();
    for (int head = 0; head < queryHeads; head++) {
      Tensor slopes = bias.slopes();
      Tensor sinks = bias.sinkLogits();
      reals.set(AttentionKernel.REALS + head, slopes == null ? 0 : slopes.getFloat(head));
      reals.set(
          AttentionKernel.REALS + queryHeads + head,
          sinks == null ? Float.NEGATIVE_INFINITY : sinks.getFloat(head));
    }
    float[] table = rotation.table();
    long at = (AttentionKernel.REALS + 2L * queryHeads) * Float.BYTES;
    MemorySegment.copy(
        table, 0, reals.getSegment(), ValueLayout.JAVA_FLOAT_UNALIGNED, at, table.length);
  }

  private void fillStep(PageTables batch, int layer, int stride) {
    count = 0;
    int rows = batch.requests() * heads.kvHeads();
    int rowsAt = AttentionKernel.HEADER + 2 * batch.tokens();
    int pagesAt = rowsAt + 3 * rows;
    add(heads.queryHeads());
    add(heads.group());
    add(heads.headDim());
    add(batch.pageSize());
    add(masking.causal() ? -1 : Integer.MIN_VALUE);
    add(
        masking.window() < 0
            ? Integer.MAX_VALUE
            : Math.min(masking.window(), Integer.MAX_VALUE - 1) + 1);
    add(rotation.pairs());
    add(rotation.interleaved());
    add(rowsAt);
    add(pagesAt);
    add(stride);
    add(rows);
    for (int request = 0; request < batch.requests(); request++) {
      for (int i = 0; i < batch.newTokens(request); i++) {
        add(request * heads.kvHeads());
        add(batch.firstPosition(request) + i);
      }
    }
    int first = batch.rowOf(layer, 0, 0);
    int page = 0;
    for (int row = first; row < first + rows; row++) {
      add(batch.length(row));
      add(page);
      add(Math.toIntExact(batch.slotStart(row)));
      page += batch.pageCount(row);
    }
    for (int row = first; row < first + rows; row++) {
      for (int index = 0; index < batch.pageCount(row); index++) {
        add(batch.page(row, index));
      }
    }
  }

  private void add(int number) {
    if (count == step.length) {
      step = java.util.Arrays.copyOf(step, Math.max(64, Math.addExact(count, count)));
    }
    step[count++] = number;
  }
}
