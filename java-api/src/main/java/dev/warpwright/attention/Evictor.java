package dev.warpwright.attention;

import dev.warpwright.kernels.Checks;
import dev.warpwright.kernels.InvalidArgumentException;
import dev.warpwright.kernels.KernelDevice;
import dev.warpwright.kernels.Resource;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.attention.CompactKv;
import dev.warpwright.kernels.attention.CompactKvSpec;
import dev.warpwright.kernels.attention.Heads;
import dev.warpwright.kernels.attention.MergeSimilarKv;
import dev.warpwright.kernels.attention.PageTables;
import dev.warpwright.kernels.attention.SelectTokens;
import dev.warpwright.kernels.attention.SelectTokensSpec;
import dev.warpwright.kernels.attention.SlotArray;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * Carries out evictions: scores, chooses, and only when all that and the pages are certain moves
 * slots and changes tables.
 */
final class Evictor implements Resource {
  private final KernelDevice device;
  private final PagedKvCache cache;
  private final HeadPages pages;

  /** Budgets of a sequence that no policy has had to decide about yet. */
  private final int[] unlimited;

  private @Nullable SelectTokens select;
  private @Nullable CompactKv compact;
  private final @Nullable Merger merger;

  Evictor(KernelDevice device, PagedKvCache cache, HeadPages pages) {
    this.device = device;
    this.cache = cache;
    this.pages = pages;
    unlimited = new int[cache.spec().layers()];
    Arrays.fill(unlimited, Integer.MAX_VALUE);
    SlotArray counts = cache.notes().counts();
    merger = counts == null ? null : new Merger(device, cache, pages, counts);
  }

  private Heads heads() {
    KvCacheSpec spec = cache.spec();
    return new Heads(spec.layers(), spec.kvHeads(), spec.kvHeads(), spec.headDim());
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
      eviction = apply(sequences, false, lengths, from, kept);
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
    Eviction eviction = apply(sequences, policy.forgets(), lengths, from, kept);
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
            heads(),
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

  private CompactKv compact(int sequences) {
    CompactKvSpec needed = new CompactKvSpec(heads(), cache.spec().pool(), sequences);
    CompactKv plan = compact;
    if (plan == null || !plan.spec().equals(needed)) {
      if (plan != null) {
        compact = null; // making the next one may fail
        plan.close();
      }
      plan = device.attention().compactKv(needed, cache.pool());
      compact = plan;
    }
    return plan;
  }

  /**
   * One row after the eviction: its length, its pages with −1 for those to be taken, and how many
   * of its first slots do not move.
   */
  private static final class Target {
    private final Sequence sequence;
    private final int row;
    private final int length;
    private final int[] pages;
    private final int staying;
    private final boolean forgotten;

    Target(Sequence sequence, int row, int length, int[] pages, int staying, boolean forgotten) {
      this.sequence = sequence;
      this.row = row;
      this.length = length;
      this.pages = pages;
      this.staying = staying;
      this.forgotten = forgotten;
    }
  }

  /**
   * Brings rows to new lengths.
   *
   * @param forgets whether what was noted of rows that change is forgotten
   * @param lengths by layer and row of it
   */
  private Eviction apply(
      Sequence[] sequences, boolean forgets, int[][] lengths, PageTables from, Tensor[] kept) {
    KvCacheSpec spec = cache.spec();
    List<Target> targets = new ArrayList<>();
    long fresh = 0;
    for (int layer = 0; layer < spec.layers(); layer++) {
      for (int i = 0; i < sequences.length; i++) {
        for (int head = 0; head < spec.kvHeads(); head++) {
          long at = from.slotStart(from.rowOf(layer, i, head));
          int row = cache.row(layer, head);
          int length = lengths[layer][i * spec.kvHeads() + head];
          boolean forgotten = forgets && length < sequences[i].length(row);
          Target target = target(sequences[i], row, length, kept[layer], at, forgotten);
          targets.add(target);
          for (int page : target.pages) {
            fresh += page < 0 ? 1 : 0;
          }
        }
      }
    }
    cache.requireFree(fresh);
    int freeBefore = pages.count();
    for (Target target : targets) {
      for (int i = 0; i < target.pages.length; i++) {
        target.pages[i] = target.pages[i] < 0 ? pages.take() : target.pages[i];
      }
    }
    long slots = 0;
    for (Target target : targets) {
      slots += target.sequence.length(target.row) - target.length;
    }
    int moved = 0;
    try {
      CompactKv plan = compact(sequences.length);
      plan.update(from, tablesAfter(sequences, targets));
      for (; moved < spec.layers(); moved++) {
        plan.run(moved, kept[moved]);
      }
    } finally {
      // Should a layer fail: those before it have other contents already, it and the rest have not.
      int committed = moved * sequences.length * spec.kvHeads();
      targets.subList(0, committed).forEach(this::commit);
      targets.subList(committed, targets.size()).forEach(this::giveBack);
    }
    for (Target target : targets) {
      if (target.forgotten) {
        cache.notes().forget(target.sequence, target.row);
      }
    }
    return new Eviction(slots, pages.count() - freeBefore);
  }

  /**
   * The row after the eviction. Pages before the first slot that moves stay, shared or not; later
   * ones that others hold are replaced. Notes that are forgotten are written in all pages.
   */
  private Target target(
      Sequence sequence, int row, int length, Tensor kept, long at, boolean forgotten) {
    int pageSize = cache.spec().pageSize();
    int staying = 0;
    while (!forgotten && staying < length && kept.getInt(at + staying) == staying) {
      staying++;
    }
    int[] newPages = new int[(length + pageSize - 1) / pageSize];
    for (int index = 0; index < newPages.length; index++) {
      int page = sequence.page(row, index);
      boolean written = isWritten(index, length, staying);
      newPages[index] = written && pages.holders(page) > 1 ? -1 : page;
    }
    return new Target(sequence, row, length, newPages, staying, forgotten);
  }

  /** Whether a page of a row of which {@code staying} slots do not move gets others. */
  private boolean isWritten(int index, int length, int staying) {
    return Math.min(length, (index + 1) * cache.spec().pageSize()) > staying;
  }

  private PageTables tablesAfter(Sequence[] sequences, List<Target> targets) {
    KvCacheSpec spec = cache.spec();
    PageTables to =
        new PageTables(spec.layers(), spec.kvHeads(), spec.pageSize()).begin(sequences.length);
    for (Sequence sequence : sequences) {
      to.request(0, sequence.position());
    }
    for (Target target : targets) {
      to.row(target.length, target.pages, 0, target.pages.length);
    }
    return to;
  }

  /** Gives back the pages that were taken for the row. */
  private void giveBack(Target target) {
    for (int i = 0; i < target.pages.length; i++) {
      if (target.pages[i] != target.sequence.page(target.row, i)) {
        pages.give(target.pages[i]);
      }
    }
  }

  /** Gives back the pages that the row had and has no more. */
  private void commit(Target target) {
    Sequence sequence = target.sequence;
    for (int i = 0; i < sequence.pageCount(target.row); i++) {
      int page = sequence.page(target.row, i);
      if (i >= target.pages.length || target.pages[i] != page) {
        pages.give(page);
      }
    }
    for (int i = 0; i < target.pages.length; i++) {
      if (isWritten(i, target.length, target.staying)) {
        pages.wrote(target.pages[i]);
      }
    }
    sequence.compact(target.row, target.length, target.pages);
  }

  @Override
  public void close() {
    if (select != null) {
      select.close();
    }
    if (compact != null) {
      compact.close();
    }
    if (merger != null) {
      merger.close();
    }
  }
}
