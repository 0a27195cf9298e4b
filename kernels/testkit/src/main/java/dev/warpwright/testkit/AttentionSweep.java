package dev.warpwright.testkit;

import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.attention.Heads;
import dev.warpwright.kernels.attention.Masking;
import dev.warpwright.kernels.attention.Rope;
import dev.warpwright.kernels.attention.ScoreReduction;
import java.util.ArrayList;
import java.util.List;

/**
 * Sizes and options of attention over pages, so chosen that every combination of any two or three
 * of them is in some case.
 *
 * @param plan the cache
 * @param rope rotation
 * @param masking masks, cap and biases
 * @param scores whether they are asked for
 * @param seed of pages and values
 */
record AttentionSweep(
    CaseCache.Plan plan, Rope rope, Masking masking, ScoreReduction scores, long seed) {
  /** Combinations of so many sizes and options are all there in a usual build. */
  static final int PAIRS = 2;

  private static final int[] REQUESTS = {1, 2, 12, 17, 128};
  private static final int[] LENGTHS = {0, 1, 15, 16, 17, 54, 97, 512, 2048, 16_384, 33_001};
  private static final int[] TOKENS = {1, 2, 17, 37, 127, 577};
  private static final int[] PAGES = {1, 5, 8, 16, 32, 64, 128};
  private static final int[] GROUPS = {1, 3, 4, 7, 8, 16};
  private static final int[] HEAD_DIMS = {8, 64, 80, 96, 128, 192, 256};
  private static final DType[] DTYPES = {DType.F32, DType.F16, DType.BF16, DType.I8, DType.F8E4M3};
  private static final List<CaseCache.Order> ORDERS = List.of(CaseCache.Order.values());
  private static final List<ScoreReduction> SCORES = List.of(ScoreReduction.values());
  private static final int[] WINDOWS = {-1, 3, 43, 533};
  private static final float[] CAPS = {0, 1, 30, 50};

  /** Most slots of the requests behind the first, whose length is that of the sweep. */
  private static final int OTHERS = 20;

  /**
   * The cases.
   *
   * @param strength number of sizes and options whose combinations are all there
   * @param mostSlots of a row
   * @param mostTokens of a request
   */
  static List<AttentionSweep> of(int strength, int mostSlots, int mostTokens) {
    int[] levels = {
      REQUESTS.length,
      upTo(mostSlots, LENGTHS),
      upTo(mostTokens, TOKENS),
      PAGES.length,
      GROUPS.length,
      HEAD_DIMS.length,
      DTYPES.length,
      WINDOWS.length,
      CAPS.length,
      ORDERS.size(),
      SCORES.size(),
      3, // rotations
      2, // causal
      2, // sinks
      2, // ALiBi
      2, // bias of slots
      2, // ragged
      2 // shared
    };
    CaseRandom random = new CaseRandom(strength);
    List<AttentionSweep> cases = new ArrayList<>();
    for (int[] row : CoveringArray.rows(strength, levels, random)) {
      cases.add(of(row, random));
    }
    return cases;
  }

  /** The same for kernels that write: no page is shared, and new tokens have slots. */
  static List<AttentionSweep> unshared(int strength, int mostTokens) {
    return of(strength, 512, mostTokens).stream().map(AttentionSweep::unshared).toList();
  }

  private AttentionSweep unshared() {
    List<Integer> tokens = new ArrayList<>();
    for (int i = 0; i < plan.lengths().size(); i++) {
      tokens.add(Math.min(plan.newTokens().get(i), plan.lengths().get(i)));
    }
    CaseCache.Plan own =
        new CaseCache.Plan(
            plan.heads(),
            plan.dtype(),
            plan.pageSize(),
            plan.lengths(),
            tokens,
            plan.ragged(),
            false,
            plan.order(),
            plan.deviation());
    return new AttentionSweep(own, rope, masking, scores, seed);
  }

  private static int upTo(int most, int[] values) {
    int count = 0;
    while (count < values.length && values[count] <= most) {
      count++;
    }
    return count;
  }

  private static AttentionSweep of(int[] row, CaseRandom random) {
    int[] lengths = new int[REQUESTS[row[0]]];
    int[] tokens = new int[lengths.length];
    for (int i = 0; i < lengths.length; i++) {
      lengths[i] = i == 0 ? LENGTHS[row[1]] : random.size(0, OTHERS);
      tokens[i] = i == 0 ? TOKENS[row[2]] : Math.min(TOKENS[row[2]], random.between(1, 3));
    }
    int kvHeads = GROUPS[row[4]] < 7 ? 2 : 1;
    Heads heads = new Heads(1, GROUPS[row[4]] * kvHeads, kvHeads, HEAD_DIMS[row[5]]);
    CaseCache.Plan plan =
        new CaseCache.Plan(
            heads,
            DTYPES[row[6]],
            PAGES[row[3]],
            CaseCache.list(lengths),
            CaseCache.list(tokens),
            row[16] == 1,
            row[17] == 1,
            ORDERS.get(row[9]),
            1);
    Masking masking =
        new Masking(
            row[12] == 1, WINDOWS[row[7]], CAPS[row[8]], row[14] == 1, row[13] == 1, row[15] == 1);
    Rope rope =
        switch (row[11]) {
          case 0 -> Rope.NONE;
          case 1 -> Rope.rotateHalf(heads.headDim(), 1e4);
          default -> new Rope(Rope.Style.INTERLEAVED, 8, 5e5);
        };
    return new AttentionSweep(plan, rope, masking, SCORES.get(row[10]), random.seed());
  }
}
