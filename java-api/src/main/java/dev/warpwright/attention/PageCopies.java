package dev.warpwright.attention;

import dev.warpwright.kernels.attention.KvPool;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** Copies of pages that several rows hold, made before one of them is written. */
final class PageCopies {
  private final HeadPages pages;
  private final List<Copy> copies = new ArrayList<>();

  /** How many of a page's holders get copies. */
  private final Map<Integer, Integer> leaving = new HashMap<>();

  private record Copy(Sequence sequence, int row, int index) {}

  PageCopies(HeadPages pages) {
    this.pages = pages;
  }

  /** A page of a row will be written; of several that write the same page one may keep it. */
  void beforeWriting(Sequence sequence, int row, int index) {
    int page = sequence.page(row, index);
    if (pages.holders(page) - leaving.getOrDefault(page, 0) > 1) {
      leaving.merge(page, 1, Integer::sum);
      copies.add(new Copy(sequence, row, index));
    }
  }

  /** Pages that the copies need. */
  int count() {
    return copies.size();
  }

  /** Makes the copies; there are enough free pages. When copying fails, nothing has changed. */
  void apply(KvPool pool) {
    if (copies.isEmpty()) {
      return;
    }
    int[] from = copies.stream().mapToInt(c -> c.sequence.page(c.row, c.index)).toArray();
    int[] to = copies.stream().mapToInt(c -> pages.take()).toArray();
    try {
      pool.copyPages(from, to);
    } catch (RuntimeException e) {
      for (int page : to) {
        pages.give(page);
      }
      throw e;
    }
    for (int i = 0; i < to.length; i++) {
      Copy copy = copies.get(i);
      copy.sequence.replacePage(copy.row, copy.index, to[i]);
      pages.give(from[i]);
    }
  }
}
