package dev.warpwright.testkit;

import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.attention.Heads;
import java.util.Collections;
import java.util.List;

/** Caches for kernels that work on slots without attending to them. */
final class SlotCases {
  private SlotCases() {}

  /** A cache of one layer and two kv heads, with one new token a request. */
  static CaseCache.Plan plan(DType dtype, int pageSize, boolean ragged, int... lengths) {
    return new CaseCache.Plan(
        new Heads(1, 2, 2, 8),
        dtype,
        pageSize,
        CaseCache.list(lengths),
        Collections.nCopies(lengths.length, 1),
        ragged,
        false,
        CaseCache.Order.NATURAL,
        1);
  }

  /** Any cache whose rows have pages of their own. */
  static CaseCache.Plan random(CaseRandom random) {
    int requests = random.between(1, 4);
    int[] lengths = new int[requests];
    for (int i = 0; i < requests; i++) {
      lengths[i] = random.size(0, 400);
    }
    List<Integer> tokens =
        random.chance(0.5)
            ? Collections.nCopies(requests, 1)
            : CaseCache.list(random.permutation(requests));
    int kvHeads = random.between(1, 3);
    return new CaseCache.Plan(
        new Heads(random.between(1, 2), kvHeads, kvHeads, 8 * random.between(1, 9)),
        random.oneOf(DType.F32, DType.F16),
        random.chance(0.5) ? 16 * random.between(1, 4) : random.size(1, 128),
        CaseCache.list(lengths),
        tokens,
        random.chance(0.5),
        false,
        random.oneOf(CaseCache.Order.values()),
        1);
  }
}
