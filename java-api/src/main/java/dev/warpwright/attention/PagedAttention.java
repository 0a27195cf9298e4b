package dev.warpwright.attention;

import dev.warpwright.kernels.Checks;
import dev.warpwright.kernels.KernelDevice;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.attention.AppendKv;
import dev.warpwright.kernels.attention.AppendKvSpec;
import dev.warpwright.kernels.attention.AttentionBias;
import dev.warpwright.kernels.attention.BatchPlan;
import dev.warpwright.kernels.attention.Heads;
import dev.warpwright.kernels.attention.KvPool;
import dev.warpwright.kernels.attention.KvPoolSpec;
import dev.warpwright.kernels.attention.PagedDecode;
import dev.warpwright.kernels.attention.PagedDecodeSpec;
import dev.warpwright.kernels.attention.PagedPrefill;
import dev.warpwright.kernels.attention.PagedPrefillSpec;
import dev.warpwright.kernels.attention.ScoreReduction;
import dev.warpwright.kernels.attention.SlotArray;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Deque;
import org.jspecify.annotations.Nullable;

/**
 * Attention to all that the cache has of a sequence: {@link #append} stores new keys and values,
 * then {@link #decode} or {@link #prefill} attends to them and to all before. Where the cache has
 * an {@link Observation}, each step notes what it must of the keys' scores.
 */
public final class PagedAttention implements Attention {
  private final PagedKvCache cache;
  private final Deque<BatchPlan> plans = new ArrayDeque<>();
  private final Step<AppendKv> append;
  private final Step<PagedDecode> decode;
  private final Step<PagedPrefill> prefill;
  private final AttentionBias[] biases;
  private final @Nullable ScoreObserver observer;
  private final @Nullable Cascade cascade;

  /** Attention on {@code device}, which must be the cache's. */
  public PagedAttention(KernelDevice device, AttentionSpec spec) {
    cache = spec.cache();
    Heads heads = spec.heads();
    KvPool pool = cache.pool();
    KvPoolSpec pages = pool.spec();
    var kernels = device.attention();
    int batch = spec.maxBatch();
    int tokens = spec.maxTokens();
    int length = spec.maxLength();
    SlotArray scores = cache.notes().scores();
    biases = new AttentionBias[heads.layers()];
    Arrays.fill(biases, cache.notes().counted(AttentionBias.NONE));
    observer = scores == null ? null : new ScoreObserver(device, spec, scores);
    cascade = spec.cascade() ? new Cascade(device, spec) : null;
    try {
      append =
          plan(kernels.appendKv(new AppendKvSpec(heads, pages, batch, tokens, spec.rope()), pool));
      decode =
          plan(
              kernels.pagedDecode(
                  new PagedDecodeSpec(
                      heads,
                      pages,
                      batch,
                      length,
                      spec.rope(),
                      spec.scale(),
                      spec.masking(),
                      scores == null ? ScoreReduction.NONE : ScoreReduction.SUM),
                  pool));
      prefill =
          plan(
              kernels.pagedPrefill(
                  new PagedPrefillSpec(
                      heads,
                      pages,
                      batch,
                      tokens,
                      length,
                      spec.rope(),
                      spec.scale(),
                      spec.masking()),
                  pool));
    } catch (RuntimeException e) {
      close();
      throw e;
    }
  }

  private <P extends BatchPlan> Step<P> plan(P plan) {
    plans.push(plan);
    return new Step<>(plan);
  }

  /** Memory that the plans hold. */
  public long workspaceBytes() {
    return plans.stream().mapToLong(BatchPlan::workspaceBytes).sum()
        + (observer == null ? 0 : observer.bytes())
        + (cascade == null ? 0 : cascade.bytes());
  }

  @Override
  public void bias(int layer, AttentionBias bias) {
    Checks.between("layer", layer, 0, biases.length - 1);
    biases[layer] = cache.notes().counted(Checks.notNull("bias", bias));
  }

  @Override
  public void append(int layer, Batch batch, Tensor k, Tensor v) {
    append.of(own(batch)).run(layer, k, v);
  }

  /**
   * Attends from one new token a sequence.
   *
   * @param layer the layer
   * @param batch the batch, after {@link #append} of the layer
   * @param q F32 {@code [sequences, queryHeads, headDim]}
   * @param out F32 of the same shape; disjoint from q
   */
  public void decode(int layer, Batch batch, Tensor q, Tensor out) {
    runDecode(layer, batch, q, out, null);
  }

  /**
   * Attends from one new token a sequence and tells the log-sum-exp.
   *
   * @param lse F32 {@code [sequences, queryHeads]}, natural logarithm; the others as for {@link
   *     #decode(int, Batch, Tensor, Tensor)}
   */
  public void decode(int layer, Batch batch, Tensor q, Tensor out, Tensor lse) {
    runDecode(layer, batch, q, out, Checks.notNull("lse", lse));
  }

  /**
   * Attends from any number of new tokens a sequence.
   *
   * @param layer the layer
   * @param batch the batch, after {@link #append} of the layer
   * @param q F32 {@code [tokens, queryHeads, headDim]}
   * @param out F32 of the same shape; disjoint from q
   */
  public void prefill(int layer, Batch batch, Tensor q, Tensor out) {
    runPrefill(layer, batch, q, out, null);
  }

  /**
   * Attends from any number of new tokens a sequence and tells the log-sum-exp.
   *
   * @param lse F32 {@code [tokens, queryHeads]}, natural logarithm; the others as for {@link
   *     #prefill(int, Batch, Tensor, Tensor)}
   */
  public void prefill(int layer, Batch batch, Tensor q, Tensor out, Tensor lse) {
    runPrefill(layer, batch, q, out, Checks.notNull("lse", lse));
  }

  private void runDecode(int layer, Batch batch, Tensor q, Tensor out, @Nullable Tensor lse) {
    if (own(batch).isDecode() && runCascade(layer, batch, q, out, lse)) {
      return;
    }
    PagedDecode plan = decode.of(own(batch));
    Checks.between("layer", layer, 0, biases.length - 1);
    Tensor scores = observer == null ? null : observer.scores(layer, batch);
    plan.run(layer, q, biases[layer], out, lse, scores);
    if (observer != null && scores != null) {
      observer.decoded(layer, batch, scores);
    }
  }

  /** Attends to shared pages first, if there are any and the spec says so. */
  private boolean runCascade(int layer, Batch batch, Tensor q, Tensor out, @Nullable Tensor lse) {
    TokenOrder order = cascade == null ? null : cascade.order(own(batch));
    if (cascade == null || order == null) {
      return false;
    }
    Checks.between("layer", layer, 0, biases.length - 1);
    cascade.run(layer, batch, order, q, biases[layer], out, lse);
    return true;
  }

  private void runPrefill(int layer, Batch batch, Tensor q, Tensor out, @Nullable Tensor lse) {
    if (runCascade(layer, batch, q, out, lse)) {
      return;
    }
    PagedPrefill plan = prefill.of(own(batch));
    Checks.between("layer", layer, 0, biases.length - 1);
    Tensor logs = lse == null && observer != null ? observer.lse(batch) : lse;
    plan.run(layer, q, biases[layer], out, logs);
    if (observer != null && logs != null) {
      observer.prefilled(layer, batch, q, biases[layer], logs);
    }
  }

  /** Attends with whichever of {@link #decode} and {@link #prefill} fits the step. */
  @Override
  public void attend(int layer, Batch batch, Tensor q, Tensor out) {
    if (own(batch).isDecode()) {
      decode(layer, batch, q, out);
    } else {
      prefill(layer, batch, q, out);
    }
  }

  private Batch own(Batch batch) {
    Checks.notNull("batch", batch);
    Checks.that(batch.cache() == cache, "batch", "of another cache", "of this attention's cache");
    return batch;
  }

  /** Closes the plans; the cache stays open. Idempotent. */
  @Override
  public void close() {
    while (!plans.isEmpty()) {
      plans.pop().close();
    }
    if (observer != null) {
      observer.close();
    }
    if (cascade != null) {
      cascade.close();
    }
  }
}
