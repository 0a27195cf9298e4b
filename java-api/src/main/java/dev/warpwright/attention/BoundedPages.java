package dev.warpwright.attention;

import dev.warpwright.kernels.Checks;
import dev.warpwright.kernels.attention.PageTables;
import java.util.Arrays;
import java.util.Map;
import java.util.WeakHashMap;

/**
 * Remembers of which pages the bounds are known: those of rows that only grew since are known but
 * for the pages of new tokens.
 */
final class BoundedPages {
  private final PagedKvCache cache;
  private final Map<Sequence, Known> known = new WeakHashMap<>();

  /** What a sequence was like when the bounds of each layer were computed. */
  private static final class Known {
    private final long[] versions;
    private final int[][] pages;

    Known(int layers, int rows) {
      versions = new long[layers];
      Arrays.fill(versions, Long.MIN_VALUE);
      pages = new int[rows][0];
    }
  }

  BoundedPages(PagedKvCache cache) {
    this.cache = cache;
  }

  /** Tables of one layer of a batch. */
  PageTables layerTables(int layer, Batch batch) {
    Checks.that(batch.cache() == cache, "batch", "of another cache", "of this attention's cache");
    KvCacheSpec spec = cache.spec();
    Sequence[] sequences = batch.openSequences();
    PageTables tables = new PageTables(1, spec.kvHeads(), spec.pageSize()).begin(sequences.length);
    for (Sequence sequence : sequences) {
      tables.request(1, sequence.position() - 1);
    }
    for (Sequence sequence : sequences) {
      for (int head = 0; head < spec.kvHeads(); head++) {
        sequence.addTo(tables, cache.row(layer, head));
      }
    }
    return tables;
  }

  /** Whether all sequences took just one step since {@link #noted} and kept their pages. */
  boolean grewOnly(int layer, Batch batch) {
    boolean grew = true;
    for (Sequence sequence : batch.openSequences()) {
      Known before = known.get(sequence);
      grew &= before != null && before.versions[layer] == sequence.version() - 1;
      for (int head = 0; head < cache.spec().kvHeads() && before != null; head++) {
        int row = cache.row(layer, head);
        int[] pages = before.pages[row];
        grew &= pages.length <= sequence.pageCount(row);
        for (int i = 0; i < pages.length && grew; i++) {
          grew = pages[i] == sequence.page(row, i);
        }
      }
    }
    return grew;
  }

  /** The bounds of a layer's pages are known now. */
  void noted(int layer, Batch batch) {
    KvCacheSpec spec = cache.spec();
    for (Sequence sequence : batch.openSequences()) {
      Known now = known.computeIfAbsent(sequence, s -> new Known(spec.layers(), spec.rows()));
      now.versions[layer] = sequence.version();
      for (int head = 0; head < spec.kvHeads(); head++) {
        int row = cache.row(layer, head);
        int[] pages = new int[sequence.pageCount(row)];
        for (int i = 0; i < pages.length; i++) {
          pages[i] = sequence.page(row, i);
        }
        now.pages[row] = pages;
      }
    }
  }
}
