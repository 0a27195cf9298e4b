package dev.warpwright.attention;

import dev.warpwright.kernels.KernelDevice;
import dev.warpwright.kernels.Resource;
import dev.warpwright.kernels.attention.MergeSimilarKv;
import dev.warpwright.kernels.attention.MergeSimilarKvSpec;
import dev.warpwright.kernels.attention.PageTables;
import dev.warpwright.kernels.attention.SlotArray;
import org.jspecify.annotations.Nullable;

/** Merges similar neighbours of some sequences, which are compacted by the {@link Evictor} then. */
final class Merger implements Resource {
  private final KernelDevice device;
  private final PagedKvCache cache;
  private final HeadPages pages;
  private final SlotArray counts;
  private @Nullable MergeSimilarKv plan;

  /** A merger for a cache that keeps {@code counts}. */
  Merger(KernelDevice device, PagedKvCache cache, HeadPages pages, SlotArray counts) {
    this.device = device;
    this.cache = cache;
    this.pages = pages;
    this.counts = counts;
  }

  /** Copies the pages that others hold too: all of a row may be written. */
  void own(Sequence[] sequences) {
    int pageSize = cache.spec().pageSize();
    PageCopies copies = new PageCopies(pages);
    for (Sequence sequence : sequences) {
      for (int row = 0; row < sequence.rows(); row++) {
        for (int index = 0; index * pageSize < sequence.length(row); index++) {
          copies.beforeWriting(sequence, row, index);
        }
      }
    }
    cache.requireFree(copies.count());
    copies.apply(cache.pool());
    for (Sequence sequence : sequences) {
      for (int page : sequence.allPages()) {
        pages.wrote(page);
      }
    }
  }

  /**
   * What merges.
   *
   * @param tables of sequences that {@link #own} their pages
   */
  MergeSimilarKv plan(EvictionPolicy policy, PageTables tables) {
    MergeSimilarKv merge = plan(policy, tables.requests());
    merge.update(tables);
    return merge;
  }

  private MergeSimilarKv plan(EvictionPolicy policy, int sequences) {
    KvCacheSpec spec = cache.spec();
    MergeSimilarKvSpec needed =
        new MergeSimilarKvSpec(
            spec.heads(),
            spec.pool(),
            sequences,
            policy.mergesFrom().orElseThrow(),
            policy.protectedPrefix(),
            policy.recents());
    MergeSimilarKv made = plan;
    if (made == null || !made.spec().equals(needed)) {
      if (made != null) {
        plan = null; // making the next one may fail
        made.close();
      }
      made = device.attention().mergeSimilarKv(needed, cache.pool(), counts);
      plan = made;
    }
    return made;
  }

  @Override
  public void close() {
    if (plan != null) {
      plan.close();
    }
  }
}
