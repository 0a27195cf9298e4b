package dev.warpwright.attention;

import dev.warpwright.kernels.KernelDevice;
import dev.warpwright.kernels.Resource;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.attention.AttentionBias;
import dev.warpwright.kernels.attention.AttentionKernels;
import dev.warpwright.kernels.attention.BatchPlan;
import dev.warpwright.kernels.attention.Heads;
import dev.warpwright.kernels.attention.KvPool;
import dev.warpwright.kernels.attention.ScoreAccumulate;
import dev.warpwright.kernels.attention.ScoreAccumulateSpec;
import dev.warpwright.kernels.attention.ScoreAccumulateSpec.Statistic;
import dev.warpwright.kernels.attention.ScoreReduction;
import dev.warpwright.kernels.attention.SlotArray;
import dev.warpwright.kernels.attention.WindowScores;
import dev.warpwright.kernels.attention.WindowScoresSpec;
import dev.warpwright.kernels.attention.WindowStatistics;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.EnumMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Notes the scores of each step beside the slots, as the cache's {@link Observation} says. */
final class ScoreObserver implements Resource {
  private final KernelDevice device;
  private final Observation observation;
  private final int queryHeads;
  private final Deque<BatchPlan> plans = new ArrayDeque<>();
  private final Step<ScoreAccumulate> decoded;
  private final Step<ScoreAccumulate> prefilled;
  private final @Nullable Step<ScoreAccumulate> entropies;
  private final Step<WindowScores> window;

  /** Scratch tensors by use; they grow with the steps. */
  private final Map<Use, ScratchTensor> scratch = new EnumMap<>(Use.class);

  private enum Use {
    SCORES,
    VARIANCES,
    ENTROPIES,
    LSE
  }

  /** An observer of a cache that has {@code scores}. */
  ScoreObserver(KernelDevice device, AttentionSpec spec, SlotArray scores) {
    this.device = device;
    observation = spec.cache().spec().observation();
    queryHeads = spec.queryHeads();
    Heads heads = spec.heads();
    KvPool pool = spec.cache().pool();
    AttentionKernels kernels = device.attention();
    boolean moments = observation.kind() == Observation.Kind.MOMENTS;
    Statistic statistic = moments ? Statistic.MOMENTS : Statistic.SUM;
    SlotArray entropy = spec.cache().notes().entropies();
    boolean last = observation.kind() == Observation.Kind.LAST;
    try {
      decoded =
          plan(
              kernels.scoreAccumulate(
                  new ScoreAccumulateSpec(heads, pool.spec(), spec.maxBatch(), statistic, last, 1),
                  pool,
                  scores));
      boolean restart = observation.restarts();
      int tokens = observation.window();
      prefilled =
          plan(
              kernels.scoreAccumulate(
                  new ScoreAccumulateSpec(
                      heads, pool.spec(), spec.maxBatch(), statistic, restart, tokens),
                  pool,
                  scores));
      entropies =
          entropy == null
              ? null
              : plan(
                  kernels.scoreAccumulate(
                      new ScoreAccumulateSpec(
                          heads, pool.spec(), spec.maxBatch(), Statistic.SUM, restart, tokens),
                      pool,
                      entropy));
      window =
          plan(
              kernels.windowScores(
                  new WindowScoresSpec(
                      heads,
                      pool.spec(),
                      spec.maxBatch(),
                      spec.maxTokens(),
                      spec.maxLength(),
                      tokens,
                      spec.rope(),
                      spec.scale(),
                      spec.masking(),
                      ScoreReduction.SUM),
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

  /** Memory that plans and scratch tensors hold. */
  long bytes() {
    return plans.stream().mapToLong(BatchPlan::workspaceBytes).sum()
        + scratch.values().stream().mapToLong(ScratchTensor::bytes).sum();
  }

  /** Where a decode step puts the scores of a layer. */
  Tensor scores(int layer, Batch batch) {
    return scratch(Use.SCORES, batch.tables().slots(layer));
  }

  /** Where a prefill puts its log-sum-exps when the caller does not ask for them. */
  Tensor lse(Batch batch) {
    long tokens = batch.tokens();
    return scratch(Use.LSE, tokens * queryHeads).reshape(tokens, queryHeads);
  }

  /** Notes the scores of a decode step. */
  void decoded(int layer, Batch batch, Tensor scores) {
    decoded.of(batch).run(layer, scores, null);
  }

  /** Notes what the last queries of a prefill think of the keys. */
  void prefilled(int layer, Batch batch, Tensor q, AttentionBias bias, Tensor lse) {
    long slots = batch.tables().slots(layer);
    Tensor scores = scratch(Use.SCORES, slots);
    if (entropies == null) {
      window.of(batch).run(layer, q, bias, lse, WindowStatistics.sum(scores));
      prefilled.of(batch).run(layer, scores, null);
      return;
    }
    Tensor variances = scratch(Use.VARIANCES, slots);
    Tensor entropy = scratch(Use.ENTROPIES, slots);
    window
        .of(batch)
        .run(layer, q, bias, lse, new WindowStatistics(null, scores, variances, entropy));
    prefilled.of(batch).run(layer, scores, variances);
    entropies.of(batch).run(layer, entropy, null);
  }

  private Tensor scratch(Use use, long elements) {
    return scratch.computeIfAbsent(use, _ -> new ScratchTensor(device)).of(elements);
  }

  @Override
  public void close() {
    while (!plans.isEmpty()) {
      plans.pop().close();
    }
    scratch.values().forEach(ScratchTensor::close);
  }
}
