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
import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Attention that reads what sequences share once for all of them. With queries of the members of a
 * group as rows of one request over each part of the shared pages, and each sequence's request over
 * its own,
 *
 * <pre>
 *   (oₚ, lseₚ) = attention(q, part p of the shared keys)    (oₙ, lseₙ) = attention(q, own keys)
 *   out = Σ e^lseᵢ · oᵢ / Σ e^lseᵢ
 * </pre>
 *
 * Masks, rotations and biases go by logical positions, so all parts are as they would be in one;
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

  /** By the number of states that become one. */
  private final Map<Integer, MergeStates> merges = new HashMap<>();

  private final int maxTokens;

  // Queries and results in the order of the tables; outputs and log-sum-exps of both parts.
  private final ScratchTensor queries;
  private final ScratchTensor outs;
  private final ScratchTensor lses;
  private final ScratchTensor merged;
  private final ScratchTensor mergedLse;

  private @Nullable Batch batch;
  private long step;
  private @Nullable CascadeTables tables;
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
    maxTokens = Math.max(spec.maxTokens(), spec.maxBatch());
    int parts = CascadeTables.MOST_PARTS;
    // A group has two members at least; the tokens of those in none are a request more.
    int requests = Math.multiplyExact(parts, spec.maxBatch() / 2 + 1);
    int stacked = Math.max(maxTokens, Math.multiplyExact(parts, spec.maxBatch()));
    try {
      shared = own(kernels.pagedPrefill(prefill(spec, requests, stacked, withoutSinks), pool));
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
      ownTokens = own(kernels.pagedPrefill(prefill(spec, spec.maxBatch(), maxTokens, masks), pool));
      merge(2);
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

  private static PagedPrefillSpec prefill(
      AttentionSpec spec, int requests, int tokens, Masking masking) {
    return new PagedPrefillSpec(
        spec.heads(),
        spec.cache().pool().spec(),
        requests,
        tokens,
        spec.maxLength(),
        spec.rope(),
        spec.scale(),
        masking);
  }

  private MergeStates merge(int states) {
    MergeStates known = merges.get(states);
    if (known == null) {
      MergeStatesSpec spec = new MergeStatesSpec(states, maxTokens, heads, dim);
      known = own(device.attention().mergeStates(spec));
      merges.put(states, known);
    }
    return known;
  }

  private <T extends Resource> T own(T part) {
    owned.push(part);
    return part;
  }

  /** Memory that plans and scratch tensors hold. */
  long bytes() {
    long bytes = merges.values().stream().mapToLong(MergeStates::workspaceBytes).sum();
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
      CascadeTables now = tables;
      if (now == null || !now.areOf(next)) {
        now = new CascadeTables(next);
        tables = now;
      }
      if (!now.isEmpty() && whole.tokens() > 0) {
        now.fill();
        shared.update(now.shared());
        (next.isDecode() ? ownToken : ownTokens).update(now.own());
        order = new TokenOrder(device, whole, now.order());
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
    int parts = tables == null ? 1 : tables.parts();
    Tensor stacked = q;
    if (parts > 1 || !stacking.isAsGiven()) {
      stacked = queries.of((long) parts * tokens, heads, dim);
      stacking.gather(q, stacked.slice(0, tokens));
      for (int part = 1; part < parts; part++) {
        Tensor again = stacked.slice((long) part * tokens, (part + 1L) * tokens);
        device.copy(stacked.slice(0, tokens), again);
      }
    }
    Tensor first = stacked.slice(0, tokens);
    long rows = (long) parts * tokens;
    Tensor states = outs.of(rows + tokens, heads, dim);
    Tensor logs = lses.of(1, rows + tokens, heads).row(0);
    Tensor ownOut = states.slice(rows, rows + tokens);
    Tensor ownLog = logs.slice(rows, rows + tokens);
    AttentionBias slopes = new AttentionBias(bias.slopes(), null);
    shared.run(layer, stacked, slopes, states.slice(0, rows), logs.slice(0, rows));
    if (of.isDecode()) {
      ownToken.run(layer, first, bias, ownOut, ownLog, null);
    } else {
      ownTokens.run(layer, first, bias, ownOut, ownLog);
    }
    MergeStates merge = merge(parts + 1);
    states = states.reshape(parts + 1, tokens, heads, dim);
    logs = logs.reshape(parts + 1, tokens, heads);
    if (stacking.isAsGiven()) {
      merge.run(states, logs, out, lse);
      return;
    }
    Tensor all = merged.of(tokens, heads, dim);
    Tensor allLogs = mergedLse.of(1, tokens, heads).row(0);
    merge.run(states, logs, all, allLogs);
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
