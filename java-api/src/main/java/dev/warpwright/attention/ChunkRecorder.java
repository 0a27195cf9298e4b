package dev.warpwright.attention;

import dev.warpwright.kernels.Checks;
import dev.warpwright.kernels.KernelDevice;
import dev.warpwright.kernels.Resource;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.attention.AttentionBias;
import dev.warpwright.kernels.attention.ScoreReduction;
import dev.warpwright.kernels.attention.WindowScores;
import dev.warpwright.kernels.attention.WindowScoresSpec;
import dev.warpwright.kernels.attention.WindowStatistics;
import java.util.Arrays;
import java.util.List;
import java.util.stream.DoubleStream;
import org.jspecify.annotations.Nullable;

/**
 * Makes {@linkplain Chunk chunks} of pieces of text while a model reads them. A piece is read in
 * one step of one sequence; {@link #begin} comes after the step's {@link Batch#advance}, {@link
 * #attended} after the attention of each layer, {@link #end} after the last:
 *
 * <pre>
 *   inter_j, intra = means over layers and query heads of Σ of the probabilities of piece j's keys
 *   outside_i      = means of 1 − exp(lse of the piece's own keys − lse of all keys) of token i
 * </pre>
 *
 * Own keys are those of a sequence beside, which has the piece alone and becomes the chunk. Costs
 * the attention of the piece about twice more. Used by one thread at a time.
 */
public final class ChunkRecorder implements Resource {
  private final KernelDevice device;
  private final PagedKvCache cache;
  private final AttentionSpec spec;
  private final PagedAttention whole;
  private final PagedAttention alone;
  private final Step<WindowScores> scores;
  private final ScratchTensor outs;
  private @Nullable Recording recording;

  /**
   * A recorder for what {@code spec}'s attention reads.
   *
   * @param device the cache's device
   * @param spec attention without sink logits over a cache that notes nothing
   */
  public ChunkRecorder(KernelDevice device, AttentionSpec spec) {
    this.device = Checks.notNull("device", device);
    this.spec = Checks.notNull("spec", spec);
    cache = spec.cache();
    Checks.that(
        !spec.masking().sinkLogits() && !spec.masking().alibi(),
        "spec.masking",
        spec.masking(),
        "without sink logits and slopes");
    Checks.that(
        cache.spec().observation().kind() == Observation.Kind.NOTHING,
        "spec.cache",
        "one that notes " + cache.spec().observation(),
        "one that notes nothing");
    PagedAttention first = new PagedAttention(device, spec);
    PagedAttention second;
    try {
      second = new PagedAttention(device, spec);
      scores =
          new Step<>(
              device
                  .attention()
                  .windowScores(
                      new WindowScoresSpec(
                          spec.heads(),
                          cache.pool().spec(),
                          1,
                          spec.maxTokens(),
                          spec.maxLength(),
                          Integer.MAX_VALUE,
                          spec.rope(),
                          spec.scale(),
                          spec.masking(),
                          ScoreReduction.SUM),
                      cache.pool()));
    } catch (RuntimeException e) {
      first.close();
      throw e;
    }
    whole = first;
    alone = second;
    outs = new ScratchTensor(device);
  }

  /** A piece that is being read. */
  private static final class Recording {
    private final Batch batch;
    private final Batch own;
    private final Sequence ownSequence;
    private final int[] pieces;
    private final double[] outside;
    private final double[] inter;
    private int layers;

    Recording(Batch batch, Batch own, Sequence ownSequence, int[] pieces, int tokens) {
      this.batch = batch;
      this.own = own;
      this.ownSequence = ownSequence;
      this.pieces = pieces;
      outside = new double[tokens];
      inter = new double[pieces.length + 1];
    }

    /** The piece that a position is in; the last is the one that is read. */
    int piece(int position) {
      int at = position;
      int piece = 0;
      while (piece < pieces.length && at >= pieces[piece]) {
        at -= pieces[piece++];
      }
      return piece;
    }
  }

  /**
   * Begins with a piece.
   *
   * @param batch a batch of one sequence that nothing was evicted from, whose step brings the piece
   * @param pieces tokens of the pieces before it, from the beginning of the sequence
   * @throws PoolExhaustedException if there are too few free pages for the piece once more
   */
  public void begin(Batch batch, int... pieces) {
    Checks.notNull("batch", batch);
    Checks.that(recording == null, "begin", "another piece is being read", "after end");
    Checks.that(batch.cache() == cache, "batch", "of another cache", "of the recorder's");
    Checks.that(batch.size() == 1, "batch.size", batch.size(), "1");
    Sequence sequence = batch.sequence(0);
    int tokens = batch.tokens();
    Checks.between("batch.tokens", tokens, 1, spec.maxTokens());
    Checks.that(sequence.isExact(), "batch", "a sequence with slots in another order", "in order");
    int first = sequence.position() - tokens;
    Checks.that(
        Arrays.stream(pieces).allMatch(piece -> piece > 0)
            && Arrays.stream(pieces).asLongStream().sum() == first,
        "pieces",
        Arrays.toString(pieces),
        "at least 1 token each, " + first + " together");
    Sequence own = cache.newSequence();
    try {
      int[] positions = new int[tokens];
      Arrays.setAll(positions, i -> first + i);
      Batch beside = cache.batch(own).advanceAt(positions);
      recording = new Recording(batch, beside, own, pieces.clone(), tokens);
    } catch (RuntimeException e) {
      own.close();
      throw e;
    }
  }

  private Recording running() {
    Recording running = recording;
    if (running == null) {
      throw new IllegalStateException("no piece is being read: call begin");
    }
    return running;
  }

  /**
   * Notes one layer; layers come in order. Queries, keys and values as for {@link PagedAttention}.
   *
   * @param layer the layer
   * @param q F32 {@code [tokens, queryHeads, headDim]}
   * @param k F32 {@code [tokens, kvHeads, headDim]}
   * @param v F32 of the same shape
   */
  public void attended(int layer, Tensor q, Tensor k, Tensor v) {
    Recording running = running();
    Checks.that(layer == running.layers, "layer", layer, "" + running.layers);
    int tokens = running.outside.length;
    int heads = spec.queryHeads();
    Tensor out = outs.of(tokens, heads, cache.spec().headDim());
    Tensor logs = Tensor.wrap(new float[tokens * heads], tokens, heads);
    Tensor ownLogs = Tensor.wrap(new float[tokens * heads], tokens, heads);
    whole.prefill(layer, running.batch, q, out, logs);
    alone.append(layer, running.own, k, v);
    alone.prefill(layer, running.own, q, out, ownLogs);
    double all = (double) heads * cache.spec().layers();
    for (int i = 0; i < tokens; i++) {
      for (int head = 0; head < heads; head++) {
        long at = (long) i * heads + head;
        double within = Math.exp(ownLogs.getFloat(at) - logs.getFloat(at));
        running.outside[i] += Math.max(0, 1 - within) / all;
      }
    }
    addScores(layer, running, q, logs, all);
    running.layers++;
  }

  private void addScores(int layer, Recording running, Tensor q, Tensor logs, double all) {
    int slots = Math.toIntExact(running.batch.tables().slots(layer));
    Tensor sums = Tensor.wrap(new float[slots], slots);
    scores.of(running.batch).run(layer, q, AttentionBias.NONE, logs, WindowStatistics.sum(sums));
    device.synchronize();
    int length = slots / cache.spec().kvHeads();
    for (int slot = 0; slot < slots; slot++) {
      running.inter[running.piece(slot % length)] += sums.getFloat(slot) / all;
    }
  }

  /**
   * The chunk, after the last layer.
   *
   * @param pieces tokens of the pieces before it
   * @param tokens the piece's own
   * @return the chunk, which the caller closes or gives to a {@link ChunkCache}
   */
  public Chunk end(List<int[]> pieces, int... tokens) {
    Recording running = running();
    int layers = cache.spec().layers();
    Checks.that(running.layers == layers, "layers", running.layers, "all " + layers);
    Checks.that(
        tokens.length == running.outside.length,
        "tokens.length",
        tokens.length,
        "" + running.outside.length);
    Checks.that(
        Arrays.equals(pieces.stream().mapToInt(piece -> piece.length).toArray(), running.pieces),
        "pieces",
        pieces.size() + " pieces",
        "those of begin");
    int last = running.inter.length - 1;
    Chunk.ChunkAttention attention =
        new Chunk.ChunkAttention(
            DoubleStream.of(running.outside).boxed().toList(),
            DoubleStream.of(running.inter).limit(last).boxed().toList(),
            running.inter[last]);
    Chunk chunk =
        new Chunk(
            new TokenBlock(tokens.clone()),
            KvSnapshot.of(running.ownSequence),
            running.ownSequence.position() - tokens.length,
            pieces.stream().map(piece -> new TokenBlock(piece.clone())).toList(),
            attention);
    abort();
    return chunk;
  }

  /** Forgets the piece that is being read, if one is. */
  public void abort() {
    if (recording != null) {
      recording.ownSequence.close();
      recording = null;
    }
  }

  @Override
  public void close() {
    abort();
    whole.close();
    alone.close();
    scores.close();
    outs.close();
  }
}
