package dev.warpwright.attention;

import dev.warpwright.kernels.Checks;
import dev.warpwright.kernels.KernelDevice;
import dev.warpwright.kernels.Resource;
import dev.warpwright.kernels.attention.KvPool;

/**
 * Keys and values of many sequences in one pool of head pages that serves all layers.
 *
 * <p>Sequences and batches of one cache may be made and closed by any thread, one at a time.
 */
public final class PagedKvCache implements Resource {
  private final KvCacheSpec spec;
  private final KvPool pool;
  private final FreePages free;

  /** An empty cache on {@code device}. */
  public PagedKvCache(KernelDevice device, KvCacheSpec spec) {
    Checks.notNull("spec", spec);
    this.spec = spec;
    this.pool = device.attention().pool(spec.pool());
    this.free = new FreePages(spec.headPages());
  }

  /** Sizes. */
  public KvCacheSpec spec() {
    return spec;
  }

  /** The pool that holds the pages. */
  public KvPool pool() {
    return pool;
  }

  /** Memory that the cache holds on the device. */
  public long bytes() {
    return pool.bytes();
  }

  /** Pages that no sequence holds. */
  public synchronized int freePages() {
    return free.count();
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

  int row(int layer, int kvHead) {
    Checks.between("layer", layer, 0, spec.layers() - 1);
    Checks.between("kvHead", kvHead, 0, spec.kvHeads() - 1);
    return layer * spec.kvHeads() + kvHead;
  }

  /** Makes room for a step of several sequences, for all of them or for none. */
  synchronized void grow(Sequence[] sequences, int[] tokens) {
    requireOpen();
    long missing = 0;
    for (int i = 0; i < sequences.length; i++) {
      if (!sequences[i].isOpen()) {
        throw new IllegalStateException("sequences[" + i + "] is closed");
      }
      Checks.between(
          "tokens[" + i + "]", tokens[i], 0, Integer.MAX_VALUE - sequences[i].position());
      missing += sequences[i].missingPages(tokens[i], spec.pageSize());
    }
    if (missing > free.count()) {
      throw new PoolExhaustedException(missing, free.count(), spec.headPages());
    }
    for (int i = 0; i < sequences.length; i++) {
      sequences[i].grow(tokens[i], spec.pageSize(), free);
    }
  }

  synchronized void close(Sequence sequence) {
    sequence.release(free);
  }

  private void requireOpen() {
    if (!pool.isOpen()) {
      throw new IllegalStateException("the cache is closed");
    }
  }

  /** Frees the pool; idempotent. Sequences of a closed cache cannot take steps. */
  @Override
  public void close() {
    pool.close();
  }
}
