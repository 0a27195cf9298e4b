package dev.warpwright.attention;

import dev.warpwright.kernels.Checks;
import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.KernelDevice;
import dev.warpwright.kernels.Resource;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.attention.AttentionBias;
import dev.warpwright.kernels.attention.AttentionKernels;
import dev.warpwright.kernels.attention.BatchPlan;
import dev.warpwright.kernels.attention.KvPool;
import dev.warpwright.kernels.attention.Masking;
import dev.warpwright.kernels.attention.MergeStates;
import dev.warpwright.kernels.attention.MergeStatesSpec;
import dev.warpwright.kernels.attention.PageTables;
import dev.warpwright.kernels.attention.PagedDecode;
import dev.warpwright.kernels.attention.PagedDecodeSpec;
import dev.warpwright.kernels.attention.PagedPrefill;
import dev.warpwright.kernels.attention.PagedPrefillSpec;
import dev.warpwright.kernels.attention.ScoreReduction;
import java.util.ArrayDeque;
import java.util.Deque;
import org.jspecify.annotations.Nullable;

/**
 * Attention that reads what sequences share once for all of them. With queries of the members of a
 * group as rows of one request over the shared pages, and each sequence's request over its own,
 *
 * <pre>
 *   (o₀, lse₀) = attention(q, shared keys)    (o₁, lse₁) = attention(q, own keys)
 *   out = (e^lse₀ · o₀ + e^lse₁ · o₁) / (e^lse₀ + e^lse₁)
 * </pre>
 *
 * Masks, rotations and biases go by logical positions, so both parts are as they would be in one;
 * sink logits are counted with the own keys only. Source: Ye et al. 2025 (FlashInfer, arXiv
 * 2501.01005).
 */
final class Cascade implements Resource {
  private final KernelDevice device;
  private final int heads;
  private final int dim;
  private final Deque<Resource> owned = new ArrayDeque<>();
  private final PagedPrefill shared;
  private final PagedDecode ownToken;
  private final PagedPrefill ownTokens;
  private final MergeStates merge;

  // Queries and results in the order of the tables; outputs and log-sum-exps of both parts.
  private final ScratchTensor queries;
  private final ScratchTensor outs;
  private final ScratchTensor lses;
  private final ScratchTensor merged;
  private final ScratchTensor mergedLse;

  private @Nullable Batch batch;
  private long step;
  private @Nullable TokenOrder order;

  Cascade(KernelDevice device, AttentionSpec spec) {
    this.device = device;
    heads = spec.queryHeads();
    dim = spec.cache().spec().headDim();
    KvPool pool = spec.cache().pool();
    AttentionKernels kernels = device.attention();
    Masking masks = spec.masking();
    Masking withoutSinks =
        new Masking(masks.causal(), masks.window(), masks.softCap(), masks.alibi(), false);
    int tokens = Math.max(spec.maxTokens(), spec.maxBatch());
    try {
      shared = own(kernels.pagedPrefill(prefill(spec, spec.maxBatch() + 1, withoutSinks), pool));
      ownToken =
          own(
              kernels.pagedDecode(
                  new PagedDecodeSpec(
                      spec.heads(),
                      pool.spec(),
                      spec.maxBatch(),
                      spec.maxLength(),
                      spec.rope(),
                      spec.scale(),
                      masks,
                      ScoreReduction.NONE),
                  pool));
      ownTokens = own(kernels.pagedPrefill(prefill(spec, spec.maxBatch(), masks), pool));
      merge = own(kernels.mergeStates(new MergeStatesSpec(2, tokens, heads, dim)));
    } catch (RuntimeException e) {
      close();
      throw e;
    }
    queries = own(new ScratchTensor(device));
    outs = own(new ScratchTensor(device));
    lses = own(new ScratchTensor(device));
    merged = own(new ScratchTensor(device));
    mergedLse = own(new ScratchTensor(device));
  }

  private static PagedPrefillSpec prefill(AttentionSpec spec, int requests, Masking masking) {
    return new PagedPrefillSpec(
        spec.heads(),
        spec.cache().pool().spec(),
        requests,
        Math.max(spec.maxTokens(), spec.maxBatch()),
        spec.maxLength(),
        spec.rope(),
        spec.scale(),
        masking);
  }

  private <T extends Resource> T own(T part) {
    owned.push(part);
    return part;
  }

  /** Memory that plans and scratch tensors hold. */
  long bytes() {
    long bytes = merge.workspaceBytes();
    for (BatchPlan plan : new BatchPlan[] {shared, ownToken, ownTokens}) {
      bytes += plan.workspaceBytes();
    }
    for (ScratchTensor scratch : new ScratchTensor[] {queries, outs, lses, merged, mergedLse}) {
      bytes += scratch.bytes();
    }
    return bytes;
  }

  /**
   * Makes ready for the batch's present step.
   *
   * @return the order in which its tokens are worked on; null if no sequences share pages in it
   */
  @Nullable TokenOrder order(Batch next) {
    PageTables whole = next.tables();
    if (batch != next || step != next.step()) {
      batch = null;
      order = null;
      CascadeTables tables = new CascadeTables(next);
      if (!tables.isEmpty() && whole.tokens() > 0) {
        shared.update(tables.shared());
        (next.isDecode() ? ownToken : ownTokens).update(tables.own());
        order = new TokenOrder(device, whole, tables.order());
      }
      batch = next;
      step = next.step();
    }
    return order;
  }

  /**
   * Attends; arguments as for {@link PagedAttention#prefill(int, Batch, Tensor, Tensor, Tensor)}.
   *
   * @param stacking what {@link #order} gave for the batch
   */
  void run(
      int layer,
      Batch of,
      TokenOrder stacking,
      Tensor q,
      AttentionBias bias,
      Tensor out,
      @Nullable Tensor lse) {
    int tokens = of.tokens();
    require(tokens, q, out, lse);
    Tensor stacked = q;
    if (!stacking.isAsGiven()) {
      stacked = queries.of(tokens, heads, dim);
      stacking.gather(q, stacked);
    }
    Tensor parts = outs.of(2L * tokens, heads, dim).reshape(2, tokens, heads, dim);
    Tensor logs = lses.of(2, tokens, heads);
    AttentionBias slopes = new AttentionBias(bias.slopes(), null);
    shared.run(layer, stacked, slopes, parts.row(0), logs.row(0));
    if (of.isDecode()) {
      ownToken.run(layer, stacked, bias, parts.row(1), logs.row(1), null);
    } else {
      ownTokens.run(layer, stacked, bias, parts.row(1), logs.row(1));
    }
    if (stacking.isAsGiven()) {
      merge.run(parts, logs, out, lse);
      return;
    }
    Tensor all = merged.of(tokens, heads, dim);
    Tensor allLogs = mergedLse.of(1, tokens, heads).row(0);
    merge.run(parts, logs, all, allLogs);
    stacking.scatter(all, out);
    if (lse != null) {
      stacking.scatter(allLogs, lse);
    }
  }

  private void require(int tokens, Tensor q, Tensor out, @Nullable Tensor lse) {
    Checks.tensor("q", q, DType.F32, tokens, heads, dim);
    Checks.tensor("out", out, DType.F32, tokens, heads, dim);
    Checks.disjoint("out", out, "q", q);
    if (lse != null) {
      Checks.tensor("lse", lse, DType.F32, tokens, heads);
      Checks.disjoint("lse", lse, "q", q);
    }
  }

  @Override
  public void close() {
    while (!owned.isEmpty()) {
      owned.pop().close();
    }
  }
}
