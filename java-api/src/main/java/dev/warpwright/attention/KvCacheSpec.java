package dev.warpwright.attention;

import dev.warpwright.kernels.Checks;
import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.attention.Heads;
import dev.warpwright.kernels.attention.KvPoolSpec;

/**
 * Sizes of a {@link PagedKvCache}. Made step by step: {@code
 * KvCacheSpec.layers(32).kvHeads(8).headDim(128).headPages(65_536).dtype(F16)}.
 *
 * @param layers decoder layers that share the pool
 * @param kvHeads key/value heads a layer
 * @param headDim elements of a key or value
 * @param pageSize slots of a head page
 * @param headPages pages of the pool; a sequence of n tokens takes ⌈n / pageSize⌉ for each layer
 *     and kv head
 * @param dtype how keys and values are stored
 * @param observation what is noted of the keys' scores
 */
public record KvCacheSpec(
    int layers,
    int kvHeads,
    int headDim,
    int pageSize,
    int headPages,
    DType dtype,
    Observation observation) {
  /** Checks the values. */
  public KvCacheSpec {
    Checks.between("layers", layers, 1, 1 << 20);
    Checks.between("kvHeads", kvHeads, 1, 1 << 16);
    Checks.notNull("observation", observation);
    // The pool's own spec checks the rest; made here so that a wrong value is refused where it is
    // set.
    new KvPoolSpec(headPages, pageSize, headDim, dtype);
  }

  /**
   * One layer count, and for the rest: 1 head of 128, pages of 16, 1024 pages, F16, nothing noted.
   */
  public static KvCacheSpec layers(int layers) {
    return new KvCacheSpec(layers, 1, 128, 16, 1024, DType.F16, Observation.NOTHING);
  }

  /** With another number of key/value heads. */
  public KvCacheSpec kvHeads(int value) {
    return new KvCacheSpec(layers, value, headDim, pageSize, headPages, dtype, observation);
  }

  /** With another head dimension. */
  public KvCacheSpec headDim(int value) {
    return new KvCacheSpec(layers, kvHeads, value, pageSize, headPages, dtype, observation);
  }

  /** With another page size. */
  public KvCacheSpec pageSize(int value) {
    return new KvCacheSpec(layers, kvHeads, headDim, value, headPages, dtype, observation);
  }

  /** With another number of pages. */
  public KvCacheSpec headPages(int value) {
    return new KvCacheSpec(layers, kvHeads, headDim, pageSize, value, dtype, observation);
  }

  /** With as many pages as {@code tokens} tokens of {@code sequences} sequences each need. */
  public KvCacheSpec capacity(int sequences, int tokens) {
    Checks.between("sequences", sequences, 1, 1 << 24);
    Checks.between("tokens", tokens, 1, Integer.MAX_VALUE);
    long pages = (long) layers * kvHeads * sequences * ((tokens + pageSize - 1L) / pageSize);
    Checks.between("pages", pages, 1, Integer.MAX_VALUE);
    return headPages((int) pages);
  }

  /** With another element type. */
  public KvCacheSpec dtype(DType value) {
    return new KvCacheSpec(layers, kvHeads, headDim, pageSize, headPages, value, observation);
  }

  /** With what is noted of the keys' scores. */
  public KvCacheSpec observing(Observation value) {
    return new KvCacheSpec(layers, kvHeads, headDim, pageSize, headPages, dtype, value);
  }

  /** Sizes of the pool. */
  public KvPoolSpec pool() {
    return new KvPoolSpec(headPages, pageSize, headDim, dtype);
  }

  /** For kernels that know of no queries: as if each kv head had one query head. */
  Heads heads() {
    return new Heads(layers, kvHeads, kvHeads, headDim);
  }

  /** Refuses a cache whose pages these are not: all but their number must be as {@code other}. */
  void requireLayout(String argument, KvCacheSpec other) {
    KvCacheSpec expected = other.headPages(headPages);
    Checks.that(equals(expected), argument + ".spec", this, expected.toString());
  }

  /** Rows of page tables that a sequence has: one for each layer and kv head. */
  int rows() {
    return layers * kvHeads;
  }
}
