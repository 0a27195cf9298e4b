package dev.warpwright.attention;

import dev.warpwright.kernels.Checks;
import dev.warpwright.kernels.KernelDevice;
import dev.warpwright.kernels.Resource;
import dev.warpwright.kernels.attention.KvPool;

/**
 * Keys and values of many sequences in one pool of head pages that serves all layers. Each layer
 * and kv head of a sequence has a table of its own, so that heads and layers may keep different
 * tokens. A page that several sequences hold is copied before one of them writes it.
 *
 * <p>Sequences and batches of one cache may be made and closed by any thread, one at a time.
 */
public final class PagedKvCache implements Resource {
  private final KvCacheSpec spec;
  private final KvPool pool;
  private final HeadPages pages;
  private final ScoreNotes notes;
  private final Evictor evictor;
  private final PrefixIndex prefixes;

  /** An empty cache on {@code device}. */
  public PagedKvCache(KernelDevice device, KvCacheSpec spec) {
    Checks.notNull("spec", spec);
    this.spec = spec;
    this.pool = device.attention().pool(spec.pool());
    try {
      notes = new ScoreNotes(device, pool, spec.observation());
    } catch (RuntimeException e) {
      pool.close();
      throw e;
    }
    this.pages = new HeadPages(spec.headPages());
    this.evictor = new Evictor(device, this, pages);
    this.prefixes = new PrefixIndex(this, pages);
  }

  /** Sizes. */
  public KvCacheSpec spec() {
    return spec;
  }

  /** The pool that holds the pages. */
  public KvPool pool() {
    return pool;
  }

  /** Who holds which page. */
  HeadPages pages() {
    return pages;
  }

  /** The numbers beside the slots. */
  ScoreNotes notes() {
    return notes;
  }

  /** Memory that the cache holds on the device. */
  public long bytes() {
    return pool.bytes() + spec.pool().scaleBytes() + notes.bytes();
  }

  /**
   * Keys and values of the pages that sequences and {@link #prefixes} hold, with their scales, in
   * bytes.
   */
  public synchronized long heldBytes() {
    long all = spec.pool().bytes() + spec.pool().scaleBytes();
    return all / spec.headPages() * (spec.headPages() - pages.count());
  }

  /** Pages that neither a sequence nor {@link #prefixes} holds. */
  public synchronized int freePages() {
    return pages.count();
  }

  /** A sequence without tokens. The caller closes it. */
  public Sequence newSequence() {
    requireOpen();
    return new Sequence(this, spec.rows());
  }

  /**
   * A batch of sequences that take steps together.
   *
   * @param sequences open sequences of this cache, each once
   */
  public Batch batch(Sequence... sequences) {
    requireOpen();
    return new Batch(this, sequences);
  }

  /** Beginnings of texts that the cache keeps for sequences to come. */
  public PrefixIndex prefixes() {
    requireOpen();
    return prefixes;
  }

  /**
   * A new sequence from a copy of one. The caller closes it.
   *
   * @param snapshot of a sequence of a cache with the same layout; sizes of pools may differ
   * @throws PoolExhaustedException if there are too few free pages; nothing has changed then
   */
  public synchronized Sequence restore(KvSnapshot snapshot) {
    requireOpen();
    return Checks.notNull("snapshot", snapshot).into(this);
  }

  /**
   * Evicts what {@code policy} does not keep from all sequences of a batch and frees whole pages.
   * Sequences that have no more slots than their budget stay as they are; the batch's next step may
   * follow at once.
   *
   * <p>When a device fails on the way, each layer is as it was or as it shall be. Only of sequences
   * whose tokens were being merged some may be in between; these can be closed and nothing else.
   *
   * @param batch a batch of this cache
   * @param policy a policy whose observation is the cache's, or that needs none
   * @return what became free
   * @throws PoolExhaustedException if pages that others share must be copied and there are too few
   *     free ones; nothing has changed then
   */
  public synchronized Eviction evict(Batch batch, EvictionPolicy policy) {
    requireOpen();
    Checks.notNull("batch", batch);
    Checks.notNull("policy", policy);
    Checks.that(batch.cache() == this, "batch", "of another cache", "of this cache");
    Observation needed = policy.observation();
    Checks.that(
        needed.equals(Observation.NOTHING) || needed.equals(spec.observation()),
        "policy.observation",
        needed,
        "the cache's " + spec.observation());
    return evictor.evict(batch.openSequences(), policy);
  }

  int row(int layer, int kvHead) {
    Checks.between("layer", layer, 0, spec.layers() - 1);
    Checks.between("kvHead", kvHead, 0, spec.kvHeads() - 1);
    return layer * spec.kvHeads() + kvHead;
  }

  synchronized Sequence fork(Sequence origin) {
    requireOpen();
    origin.requireUsable("the sequence");
    Sequence fork = new Sequence(origin);
    for (int row = 0; row < fork.rows(); row++) {
      for (int i = 0; i < fork.pageCount(row); i++) {
        pages.share(fork.page(row, i));
      }
    }
    return fork;
  }

  /** Makes room for a step of several sequences, for all of them or for none. */
  synchronized void grow(Sequence[] sequences, int[] tokens) {
    requireOpen();
    long missing = 0;
    for (int i = 0; i < sequences.length; i++) {
      sequences[i].requireUsable("sequences[" + i + "]");
      Checks.between(
          "tokens[" + i + "]", tokens[i], 0, Integer.MAX_VALUE - sequences[i].position());
      missing += sequences[i].missingPages(tokens[i], spec.pageSize());
    }
    PageCopies copies = new PageCopies(pages);
    for (int i = 0; i < sequences.length; i++) {
      for (int row = 0; row < sequences[i].rows() && tokens[i] > 0; row++) {
        // A step writes behind the last slot, and notes what it observes beside all of them.
        boolean notes = spec.observation().kind() != Observation.Kind.NOTHING;
        int used = sequences[i].length(row);
        for (int index = notes ? 0 : used / spec.pageSize();
            index * spec.pageSize() < used;
            index++) {
          copies.beforeWriting(sequences[i], row, index);
        }
      }
    }
    requireFree(missing + copies.count());
    copies.apply(pool);
    for (int i = 0; i < sequences.length; i++) {
      sequences[i].grow(tokens[i], spec.pageSize(), pages);
    }
  }

  /**
   * Refuses what needs more pages than are free, those included that only {@link #prefixes} holds;
   * of these as many are let go as are needed.
   */
  void requireFree(long needed) {
    if (needed <= pages.count()) {
      return;
    }
    long available = pages.count() + prefixes.spare();
    if (needed > available) {
      throw new PoolExhaustedException(needed, (int) available, spec.headPages());
    }
    prefixes.letGo(needed);
  }

  /** Refuses what is not an open sequence of this cache. */
  void requireOwn(String argument, Sequence sequence) {
    requireOpen();
    Checks.notNull(argument, sequence);
    Checks.that(sequence.cache() == this, argument, "of another cache", "of this cache");
    sequence.requireUsable(argument);
  }

  synchronized void close(Sequence sequence) {
    sequence.release(pages);
  }

  void requireOpen() {
    if (!pool.isOpen()) {
      throw new IllegalStateException("the cache is closed");
    }
  }

  /** Frees the pool; idempotent. Sequences of a closed cache cannot take steps. */
  @Override
  public void close() {
    evictor.close();
    notes.close();
    pool.close();
  }
}
