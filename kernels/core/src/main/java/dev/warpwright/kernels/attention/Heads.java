package dev.warpwright.kernels.attention;

import dev.warpwright.kernels.Checks;

/**
 * How query heads share key/value heads: query head h reads kv head {@code h / group}.
 *
 * @param layers layers that one set of page tables covers
 * @param queryHeads query heads a layer; a multiple of {@code kvHeads}
 * @param kvHeads key/value heads a layer
 * @param headDim elements of a head
 */
public record Heads(int layers, int queryHeads, int kvHeads, int headDim) {
  /** Checks the values. */
  public Heads {
    Checks.between("layers", layers, 1, 1 << 20);
    Checks.between("kvHeads", kvHeads, 1, 1 << 16);
    Checks.between("queryHeads", queryHeads, 1, 1 << 16);
    Checks.multipleOf("queryHeads", queryHeads, kvHeads);
    Checks.between("headDim", headDim, 8, KvPoolSpec.MAX_HEAD_DIM);
    Checks.multipleOf("headDim", headDim, 8);
  }

  /** Refuses a pool for heads of another dimension. */
  void require(KvPoolSpec pool) {
    Checks.that(pool.headDim() == headDim, "pool.headDim", pool.headDim(), "the heads' " + headDim);
  }

  /** Query heads that share one kv head. */
  public int group() {
    return queryHeads / kvHeads;
  }
}
