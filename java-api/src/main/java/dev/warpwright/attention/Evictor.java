package dev.warpwright.attention;

import dev.warpwright.kernels.Checks;
import dev.warpwright.kernels.InvalidArgumentException;
import dev.warpwright.kernels.KernelDevice;
import dev.warpwright.kernels.Resource;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.attention.MergeSimilarKv;
import dev.warpwright.kernels.attention.PageTables;
import dev.warpwright.kernels.attention.SelectTokens;
import dev.warpwright.kernels.attention.SelectTokensSpec;
import dev.warpwright.kernels.attention.SlotArray;
import java.util.Arrays;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/** Carries out evictions: scores and chooses slots, and has rows compacted when that is certain. */
final class Evictor implements Resource {
  private final KernelDevice device;
  private final PagedKvCache cache;
  private final HeadPages pages;

  /** Budgets of a sequence that no policy has had to decide about yet. */
  private final int[] unlimited;

  private @Nullable SelectTokens select;
  private final @Nullable Merger merger;
  private final Compactor compactor;

  Evictor(KernelDevice device, PagedKvCache cache, HeadPages pages) {
    this.device = device;
    this.cache = cache;
    this.pages = pages;
    unlimited = new int[cache.spec().layers()];
    Arrays.fill(unlimited, Integer.MAX_VALUE);
    SlotArray counts = cache.notes().counts();
    compactor = new Compactor(device, cache, pages);
    merger = counts == null ? null : new Merger(device, cache, pages, counts);
  }

  Eviction evict(Sequence[] sequences, EvictionPolicy policy) {
    if (policy.mergesFrom().isEmpty()) {
      return choose(sequences, policy);
    }
    Eviction merged = merge(sequences, policy);
    Eviction chosen = choose(sequences, policy);
    return new Eviction(merged.slots() + chosen.slots(), merged.pages() + chosen.pages());
  }

  /** Merges similar slots of those sequences that are over the budget. */
  private Eviction merge(Sequence[] all, EvictionPolicy policy) {
    Merger by = merger;
    if (by == null) {
      throw new InvalidArgumentException(
          "policy.mergesFrom", policy.mergesFrom(), "none in a cache that does not count");
    }
    Sequence[] sequences =
        Arrays.stream(all)
            .filter(s -> IntStream.range(0, s.rows()).anyMatch(r -> s.length(r) > policy.budget()))
            .toArray(Sequence[]::new);
    if (sequences.length == 0) {
      return new Eviction(0, 0);
    }
    int freeBefore = pages.count();
    by.own(sequences);
    PageTables from = tables(sequences);
    int layers = cache.spec().layers();
    Tensor[] kept = new Tensor[layers];
    Tensor[] scores = new Tensor[layers];
    for (int layer = 0; layer < layers; layer++) {
      int slots = Math.toIntExact(from.slots(layer));
      kept[layer] = Tensor.wrap(new int[slots], slots);
      scores[layer] = scores(sequences, policy, from, layer);
    }
    MergeSimilarKv plan = by.plan(policy, from);
    int[][] lengths = new int[layers][];
    Eviction eviction;
    try {
      for (int layer = 0; layer < layers; layer++) {
        Tensor left =
            Tensor.wrap(
                new int[sequences.length * cache.spec().kvHeads()],
                sequences.length,
                cache.spec().kvHeads());
        plan.run(layer, scores[layer], kept[layer], left);
        lengths[layer] = left.toInts();
      }
      eviction = compactor.compact(sequences, false, lengths, from, kept);
    } catch (RuntimeException e) {
      // Merged tokens may still stand beside those that were merged into them.
      Arrays.stream(sequences).forEach(Sequence::spoil);
      throw e;
    }
    return new Eviction(eviction.slots(), pages.count() - freeBefore);
  }

  private Eviction choose(Sequence[] sequences, EvictionPolicy policy) {
    KvCacheSpec spec = cache.spec();
    int[][] budgets = new int[sequences.length][];
    boolean nothing = true;
    for (int i = 0; i < sequences.length; i++) {
      budgets[i] = budgets(sequences[i], policy);
      for (int row = 0; row < spec.rows(); row++) {
        nothing &= sequences[i].length(row) <= budgets[i][row / spec.kvHeads()];
      }
    }
    if (nothing) {
      return new Eviction(0, 0);
    }
    PageTables from = tables(sequences);
    Tensor[] kept = new Tensor[spec.layers()];
    for (int layer = 0; layer < kept.length; layer++) {
      kept[layer] = choose(sequences, policy, budgets, from, layer);
    }
    int[][] lengths = new int[spec.layers()][sequences.length * spec.kvHeads()];
    for (int layer = 0; layer < spec.layers(); layer++) {
      for (int i = 0; i < lengths[layer].length; i++) {
        int row = cache.row(layer, i % spec.kvHeads());
        int length = sequences[i / spec.kvHeads()].length(row);
        lengths[layer][i] = Math.min(length, budgets[i / spec.kvHeads()][layer]);
      }
    }
    Eviction eviction = compactor.compact(sequences, policy.forgets(), lengths, from, kept);
    for (int i = 0; i < sequences.length; i++) {
      if (budgets[i] != unlimited) {
        sequences[i].budgets(policy, budgets[i]);
      }
    }
    return eviction;
  }

  /** Slots that each layer's rows of a sequence keep. */
  private int[] budgets(Sequence sequence, EvictionPolicy policy) {
    KvCacheSpec spec = cache.spec();
    int[] before = sequence.budgets(policy);
    if (before != null) {
      return policy.once() ? unlimited : before;
    }
    boolean small = true;
    RowStatistics[][] rows = new RowStatistics[spec.layers()][spec.kvHeads()];
    for (int row = 0; row < spec.rows(); row++) {
      small &= sequence.length(row) <= policy.budget();
    }
    if (small) {
      return unlimited;
    }
    for (int row = 0; row < spec.rows(); row++) {
      rows[row / spec.kvHeads()][row % spec.kvHeads()] = cache.notes().row(sequence, row);
    }
    int[] budgets = policy.budgets(rows).clone();
    Checks.that(
        budgets.length == spec.layers(),
        "policy.budgets",
        budgets.length,
        spec.layers() + " layers");
    for (int layer = 0; layer < budgets.length; layer++) {
      Checks.atLeast("policy.budgets[" + layer + "]", budgets[layer], 0);
    }
    return budgets;
  }

  private PageTables tables(Sequence[] sequences) {
    KvCacheSpec spec = cache.spec();
    PageTables tables =
        new PageTables(spec.layers(), spec.kvHeads(), spec.pageSize()).begin(sequences.length);
    for (Sequence sequence : sequences) {
      tables.request(0, sequence.position());
    }
    for (int layer = 0; layer < spec.layers(); layer++) {
      for (Sequence sequence : sequences) {
        for (int head = 0; head < spec.kvHeads(); head++) {
          sequence.addTo(tables, cache.row(layer, head));
        }
      }
    }
    return tables;
  }

  private Tensor choose(
      Sequence[] sequences, EvictionPolicy policy, int[][] budgets, PageTables from, int layer) {
    int kvHeads = cache.spec().kvHeads();
    int slots = Math.toIntExact(from.slots(layer));
    int[] rowBudgets = new int[sequences.length * kvHeads];
    for (int i = 0; i < rowBudgets.length; i++) {
      rowBudgets[i] = budgets[i / kvHeads][layer];
    }
    SelectTokens plan = select(policy, sequences.length);
    plan.update(from);
    Tensor kept = Tensor.wrap(new int[slots], slots);
    plan.run(
        layer,
        scores(sequences, policy, from, layer),
        Tensor.wrap(rowBudgets, sequences.length, kvHeads),
        kept);
    return kept;
  }

  /** What a policy thinks of the slots of a layer. */
  private Tensor scores(Sequence[] sequences, EvictionPolicy policy, PageTables from, int layer) {
    int kvHeads = cache.spec().kvHeads();
    float[] scores = new float[Math.toIntExact(from.slots(layer))];
    for (int i = 0; i < sequences.length * kvHeads; i++) {
      Sequence sequence = sequences[i / kvHeads];
      int row = cache.row(layer, i % kvHeads);
      float[] ofRow = new float[sequence.length(row)];
      policy.score(cache.notes().row(sequence, row), ofRow);
      int at = (int) from.slotStart(from.rowOf(layer, i / kvHeads, i % kvHeads));
      System.arraycopy(ofRow, 0, scores, at, ofRow.length);
    }
    return Tensor.wrap(scores, scores.length);
  }

  private SelectTokens select(EvictionPolicy policy, int sequences) {
    KvCacheSpec spec = cache.spec();
    long slots = (long) spec.headPages() * spec.pageSize();
    SelectTokensSpec needed =
        new SelectTokensSpec(
            spec.heads(),
            spec.pool(),
            sequences,
            (int) Math.min(Integer.MAX_VALUE, slots),
            policy.protectedPrefix(),
            policy.recents());
    SelectTokens plan = select;
    if (plan == null || !plan.spec().equals(needed)) {
      if (plan != null) {
        select = null; // making the next one may fail
        plan.close();
      }
      plan = device.attention().selectTokens(needed, cache.pool());
      select = plan;
    }
    return plan;
  }

  @Override
  public void close() {
    if (select != null) {
      select.close();
    }
    compactor.close();
    if (merger != null) {
      merger.close();
    }
  }
}
