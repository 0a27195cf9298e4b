package dev.warpwright.testkit;

import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.KernelDevice;
import dev.warpwright.kernels.KernelId;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.attention.KvPool;
import dev.warpwright.kernels.attention.KvPoolSpec;
import dev.warpwright.kernels.attention.SelectTokens;
import dev.warpwright.kernels.attention.SelectTokensSpec;
import java.util.List;

/** Cases of {@link SelectTokens}. */
public final class SelectTokensContract implements KernelContract {
  private static final int MAX_LENGTH = 1 << 20;

  /** Called by {@link Contracts}. */
  public SelectTokensContract() {}

  @Override
  public KernelId kernel() {
    return KernelId.SELECT_TOKENS;
  }

  /** What scores look like. */
  public enum Scores {
    /** No two alike, mostly. */
    DISTINCT,
    /** Three values: nearly all are ties. */
    TIES,
    /** All alike. */
    EQUAL,
    /** Zeros of both signs, which are alike. */
    ZEROS,
    /** NaN, infinities and zeros of both signs among others. */
    WILD,
    /** Scores that differ in their last bits only. */
    CLOSE
  }

  private static Case drawn(Scores scores, int budget, int prefix, int recents, int... lengths) {
    return new Case(
        SlotCases.plan(DType.F32, 16, false, lengths), scores, budget, prefix, recents, 5);
  }

  @Override
  public List<Case> extremes() {
    return List.of(
        drawn(Scores.DISTINCT, 8, 2, 2),
        drawn(Scores.DISTINCT, 8, 2, 2, 0, 1, 7, 8, 9, 100),
        drawn(Scores.DISTINCT, 0, 2, 2, 100),
        drawn(Scores.DISTINCT, 1000, 0, 0, 100, 400),
        drawn(Scores.TIES, 30, 0, 0, 100, 400),
        drawn(Scores.TIES, 30, 4, 16, 100, 400),
        drawn(Scores.EQUAL, 50, 4, 8, 400),
        drawn(Scores.ZEROS, 20, 0, 0, 60),
        drawn(Scores.WILD, 50, 0, 0, 400, 60),
        drawn(Scores.WILD, 390, 3, 3, 400),
        drawn(Scores.CLOSE, 111, 0, 0, 400),
        // More protected tokens than the budget.
        drawn(Scores.DISTINCT, 10, 8, 8, 100),
        drawn(Scores.DISTINCT, 10, 0, 1 << 30, 100),
        new Case(SlotCases.plan(DType.F16, 7, true, 99, 98), Scores.DISTINCT, 40, 4, 4, 6));
  }

  @Override
  public Case random(CaseRandom random) {
    return new Case(
        SlotCases.random(random),
        random.oneOf(Scores.values()),
        random.size(0, 300),
        random.size(0, 20),
        random.size(0, 60),
        random.seed());
  }

  /**
   * One input.
   *
   * @param plan the cache
   * @param scores what scores look like
   * @param budget most slots of a row; every other row has a random one up to it
   * @param prefix protected positions at the beginning
   * @param recents protected positions at the end
   * @param seed of pages and scores
   */
  public record Case(
      CaseCache.Plan plan, Scores scores, int budget, int prefix, int recents, long seed)
      implements ContractCase {
    @Override
    public SelectTokensSpec spec() {
      return spec(CaseAttention.onePage(plan));
    }

    private SelectTokensSpec spec(KvPoolSpec pool) {
      return new SelectTokensSpec(plan.heads(), pool, 64, MAX_LENGTH, prefix, recents);
    }

    @Override
    public double run(KernelDevice reference, KernelDevice device) {
      CaseRandom random = new CaseRandom(seed);
      CaseCache cache = new CaseCache(random, plan);
      try (CaseMemory memory = new CaseMemory(random);
          KvPool expected = cache.load(reference, memory);
          KvPool actual = cache.load(device, memory);
          SelectTokens want = reference.attention().selectTokens(spec(cache.spec()), expected);
          SelectTokens got = device.attention().selectTokens(spec(cache.spec()), actual)) {
        want.update(cache.tables());
        got.update(cache.tables());
        int requests = cache.tables().requests();
        int kvHeads = plan.heads().kvHeads();
        for (int layer = 0; layer < plan.heads().layers(); layer++) {
          int slots = (int) cache.tables().slots(layer);
          int[] rowBudgets = new int[requests * kvHeads];
          for (int row = 0; row < rowBudgets.length; row++) {
            rowBudgets[row] = row % 2 == 0 ? budget : random.between(0, budget);
          }
          Tensor given = memory.input("scores", draw(random, slots), slots);
          Tensor budgets = memory.input("budgets", rowBudgets, requests, kvHeads);
          Tensor wanted = memory.output("expected", DType.I32, slots);
          Tensor gotten = memory.output("kept", DType.I32, slots);
          want.run(layer, given, budgets, wanted);
          got.run(layer, given, budgets, gotten);
          Compare.ints("kept", wanted, gotten);
        }
        memory.check();
        return 0;
      }
    }

    private float[] draw(CaseRandom random, int slots) {
      float[] drawn = random.normals(slots, 1);
      for (int i = 0; i < slots; i++) {
        drawn[i] =
            switch (scores) {
              case DISTINCT -> drawn[i];
              case TIES -> random.oneOf(0f, 0.25f, -3f);
              case EQUAL -> 0.5f;
              case ZEROS -> random.oneOf(0f, -0f);
              case WILD ->
                  random.oneOf(
                      drawn[i],
                      Float.NaN,
                      Float.intBitsToFloat(0xffc00001),
                      Float.POSITIVE_INFINITY,
                      Float.NEGATIVE_INFINITY,
                      0f,
                      -0f,
                      Float.MIN_VALUE,
                      -Float.MIN_VALUE);
              case CLOSE -> Float.intBitsToFloat(0x3f000000 + random.between(0, 300));
            };
      }
      return drawn;
    }
  }
}
