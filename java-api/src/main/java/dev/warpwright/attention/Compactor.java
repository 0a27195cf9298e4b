package dev.warpwright.attention;

import dev.warpwright.kernels.KernelDevice;
import dev.warpwright.kernels.Resource;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.attention.CompactKv;
import dev.warpwright.kernels.attention.CompactKvSpec;
import dev.warpwright.kernels.attention.PageTables;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Moves the slots that rows keep to their beginnings and changes the sequences' tables, or changes
 * nothing where there are too few pages for copies of shared ones.
 */
final class Compactor implements Resource {
  private final KernelDevice device;
  private final PagedKvCache cache;
  private final HeadPages pages;
  private @Nullable CompactKv compact;

  Compactor(KernelDevice device, PagedKvCache cache, HeadPages pages) {
    this.device = device;
    this.cache = cache;
    this.pages = pages;
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
  Eviction compact(
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
      CompactKv plan = plan(sequences.length);
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

  private CompactKv plan(int sequences) {
    KvCacheSpec spec = cache.spec();
    CompactKvSpec needed = new CompactKvSpec(spec.heads(), spec.pool(), sequences);
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

  @Override
  public void close() {
    if (compact != null) {
      compact.close();
    }
  }
}
