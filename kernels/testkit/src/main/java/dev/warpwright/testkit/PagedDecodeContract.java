package dev.warpwright.testkit;

import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.KernelDevice;
import dev.warpwright.kernels.KernelId;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.attention.Heads;
import dev.warpwright.kernels.attention.KvPool;
import dev.warpwright.kernels.attention.KvPoolSpec;
import dev.warpwright.kernels.attention.Masking;
import dev.warpwright.kernels.attention.PagedDecode;
import dev.warpwright.kernels.attention.PagedDecodeSpec;
import dev.warpwright.kernels.attention.Rope;
import dev.warpwright.kernels.attention.ScoreReduction;
import dev.warpwright.kernels.attention.SlotArray;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Cases of {@link PagedDecode}. */
public final class PagedDecodeContract implements KernelContract {
  private static final int MAX_LENGTH = 1 << 20;

  /** Called by {@link Contracts}. */
  public PagedDecodeContract() {}

  @Override
  public KernelId kernel() {
    return KernelId.PAGED_DECODE;
  }

  private static Case drawn(Heads heads, DType dtype, int pageSize, int... lengths) {
    return drawn(heads, dtype, pageSize, CaseCache.Order.NATURAL, 1, lengths);
  }

  private static Case drawn(
      Heads heads,
      DType dtype,
      int pageSize,
      CaseCache.Order order,
      float deviation,
      int... lengths) {
    return new Case(
        new CaseCache.Plan(
            heads,
            dtype,
            pageSize,
            CaseCache.list(lengths),
            ones(lengths.length),
            false,
            false,
            order,
            deviation),
        Rope.rotateHalf(heads.headDim(), 10_000),
        Masking.CAUSAL,
        ScoreReduction.NONE,
        deviation,
        lengths.length + 31L * pageSize);
  }

  private static List<Integer> ones(int count) {
    return Collections.nCopies(count, 1);
  }

  @Override
  public List<Case> extremes() {
    ScoreReduction none = ScoreReduction.NONE;
    Heads heads = new Heads(2, 8, 2, 64);
    CaseCache.Plan ragged =
        new CaseCache.Plan(
            heads,
            DType.F16,
            16,
            CaseCache.list(70, 200, 1),
            ones(3),
            true,
            false,
            CaseCache.Order.SHUFFLED,
            1);
    CaseCache.Plan shared =
        new CaseCache.Plan(
            heads,
            DType.F32,
            8,
            CaseCache.list(100, 90, 121),
            ones(3),
            false,
            true,
            CaseCache.Order.NATURAL,
            1);
    return List.of(
        drawn(heads, DType.F32, 16),
        drawn(heads, DType.F32, 16, 0),
        drawn(heads, DType.F16, 16, 0, 1, 0),
        drawn(heads, DType.F32, 16, 1, 15, 16, 17, 31, 32, 33),
        drawn(heads, DType.F16, 16, 1, 15, 16, 17, 63, 64, 65),
        drawn(heads, DType.F32, 1, 1, 2, 129),
        drawn(heads, DType.F16, 5, 4, 5, 6, 131),
        drawn(heads, DType.F32, 128, 127, 128, 129),
        drawn(heads, DType.F16, 32, 1023, 1024, 1025),
        drawn(new Heads(1, 4, 1, 8), DType.F32, 16, 5000),
        drawn(new Heads(1, 16, 1, 256), DType.F16, 64, 300),
        drawn(new Heads(1, 3, 3, 24), DType.F32, 48, 100),
        drawn(new Heads(1, 7, 1, 40), DType.F16, 3, 100),
        drawn(heads, DType.F32, 16, CaseCache.Order.SHUFFLED, 1, 40, 150),
        drawn(heads, DType.F32, 16, CaseCache.Order.GAPS, 1, 40, 1500),
        drawn(heads, DType.F16, 16, CaseCache.Order.FUTURE, 1, 40, 150),
        // Logits of some ten thousands: all weight on one key, everything else underflows.
        drawn(heads, DType.F32, 16, CaseCache.Order.NATURAL, 100, 40, 150),
        drawn(heads, DType.F16, 16, CaseCache.Order.GAPS, 100, 40, 150),
        // Subnormal halves.
        drawn(heads, DType.F16, 16, CaseCache.Order.NATURAL, 1e-5f, 40, 150),
        new Case(ragged, Rope.interleaved(64, 1e4), Masking.CAUSAL, none, 1, 77),
        new Case(shared, Rope.NONE, Masking.CAUSAL, none, 1, 78),
        new Case(shared, Rope.NONE, Masking.NONE, none, 1, 79),
        new Case(ragged, Rope.NONE, new Masking(true, 20, 5, false, false), none, 3, 80),
        new Case(shared, Rope.NONE, new Masking(true, 0, 0, false, false), none, 1, 81),
        new Case(ragged, Rope.NONE, new Masking(true, -1, 0, true, false), none, 1, 82),
        new Case(ragged, Rope.NONE, new Masking(true, -1, 0, false, true), none, 1, 83),
        drawn(heads, DType.F16, 16, CaseCache.Order.FUTURE, 1, 40, 150)
            .with(new Masking(true, -1, 0, false, true), ScoreReduction.SUM),
        // Scores: over splits, next to a sink, where nothing is seen, where one key has all.
        drawn(heads, DType.F16, 32, 1023, 1024, 1025, 2050)
            .with(Masking.CAUSAL, ScoreReduction.SUM),
        drawn(heads, DType.F32, 16, 0, 1, 15, 16, 17, 130)
            .with(Masking.CAUSAL, ScoreReduction.MEAN),
        drawn(new Heads(1, 7, 1, 40), DType.F16, 3, 100, 1200)
            .with(new Masking(true, 600, 0, true, true), ScoreReduction.SUM),
        drawn(heads, DType.F16, 16, CaseCache.Order.FUTURE, 1, 40, 150)
            .with(Masking.CAUSAL, ScoreReduction.SUM),
        drawn(heads, DType.F32, 16, CaseCache.Order.NATURAL, 100, 40, 150)
            .with(Masking.CAUSAL, ScoreReduction.MEAN),
        new Case(ragged, Rope.NONE, Masking.CAUSAL, ScoreReduction.SUM, 1, 84));
  }

  @Override
  public List<Case> optional() {
    Heads heads = new Heads(2, 6, 2, 72);
    Masking all = new Masking(true, 600, 30, true, true);
    List<Case> cases = new ArrayList<>();
    cases.add(
        drawn(heads, DType.F32, 16, 0, 1, 16, 17, 1100)
            .with(Masking.CAUSAL.withSlotBias(), ScoreReduction.SUM));
    cases.add(
        drawn(heads, DType.F16, 5, CaseCache.Order.GAPS, 1, 70)
            .with(all.withSlotBias(), ScoreReduction.NONE));
    for (DType dtype : CaseCache.NARROW) {
      cases.add(drawn(heads, dtype, 16, 0, 1, 15, 16, 17, 130));
      cases.add(drawn(new Heads(1, 4, 1, 128), dtype, 32, 1030).with(all, ScoreReduction.SUM));
      cases.add(drawn(new Heads(1, 7, 1, 40), dtype, 5, CaseCache.Order.GAPS, 3, 100));
    }
    return cases;
  }

  @Override
  public List<Case> sweep(int strength) {
    // The longest rows are few where all pairs are: one of them is enough.
    int most = strength > AttentionSweep.PAIRS ? MAX_LENGTH : 2048;
    List<Case> cases = new ArrayList<>();
    cases.add(drawn(new Heads(1, 4, 1, 64), DType.F16, 16, 33_001));
    for (AttentionSweep s : AttentionSweep.of(strength, most, 1)) {
      cases.add(new Case(s.plan(), s.rope(), s.masking(), s.scores(), 1, s.seed()));
    }
    return cases;
  }

  @Override
  public Case random(CaseRandom random) {
    int requests = random.between(1, 5);
    int[] lengths = new int[requests];
    for (int i = 0; i < requests; i++) {
      lengths[i] = random.chance(0.05) ? random.size(1000, 2200) : random.size(0, 300);
    }
    int kvHeads = random.between(1, 3);
    int headDim = random.chance(0.5) ? random.oneOf(64, 128) : 8 * random.size(1, 32);
    Heads heads = new Heads(random.between(1, 2), kvHeads * random.size(1, 16), kvHeads, headDim);
    float deviation = random.oneOf(0.1f, 1f, 1f, 3f);
    return new Case(
        new CaseCache.Plan(
            heads,
            random.oneOf(DType.F32, DType.F16),
            random.chance(0.5) ? 16 * random.between(1, 8) : random.size(1, 128),
            CaseCache.list(lengths),
            ones(requests),
            random.chance(0.3),
            random.chance(0.3),
            random.oneOf(CaseCache.Order.values()),
            deviation),
        CaseAttention.rope(random, headDim),
        CaseAttention.masking(random),
        random.oneOf(ScoreReduction.values()),
        deviation,
        random.seed());
  }

  /**
   * One input.
   *
   * @param plan the cache
   * @param rope rotation of the queries
   * @param masking masks, cap and biases
   * @param scores whether scores are asked for
   * @param deviation of the queries
   * @param seed of pages and values
   */
  public record Case(
      CaseCache.Plan plan,
      Rope rope,
      Masking masking,
      ScoreReduction scores,
      float deviation,
      long seed)
      implements ContractCase {
    /** The same with other options. */
    Case with(Masking otherMasking, ScoreReduction otherScores) {
      return new Case(plan, rope, otherMasking, otherScores, deviation, seed);
    }

    @Override
    public PagedDecodeSpec spec() {
      return spec(CaseAttention.onePage(plan));
    }

    private PagedDecodeSpec spec(KvPoolSpec pool) {
      float scale = (float) (1 / Math.sqrt(plan.heads().headDim()));
      return new PagedDecodeSpec(
          plan.heads(), pool, plan.maxRequests(), MAX_LENGTH, rope, scale, masking, scores);
    }

    @Override
    public double run(KernelDevice reference, KernelDevice device) {
      CaseRandom random = new CaseRandom(seed);
      CaseCache cache = new CaseCache(random, plan);
      try (CaseMemory memory = new CaseMemory(random);
          KvPool expected = cache.load(reference, memory);
          KvPool actual = cache.load(device, memory);
          SlotArray wantSlots = CaseAttention.slotBias(masking, expected);
          SlotArray gotSlots = CaseAttention.slotBias(masking, actual);
          PagedDecode want = reference.attention().pagedDecode(spec(cache.spec()), expected);
          PagedDecode got = device.attention().pagedDecode(spec(cache.spec()), actual)) {
        want.update(cache.tables());
        got.update(cache.tables());
        double worst = 0;
        for (int layer = 0; layer < plan.heads().layers(); layer++) {
          CaseAttention io =
              new CaseAttention(cache, plan.heads(), masking, deviation, random, memory);
          Tensor wantScores = scoresOutput("expected scores", cache, layer, memory);
          Tensor gotScores = scoresOutput("scores", cache, layer, memory);
          want.run(layer, io.q(), io.bias(wantSlots), io.expected(), io.expectedLse(), wantScores);
          got.run(layer, io.q(), io.bias(gotSlots), io.actual(), io.actualLse(), gotScores);
          worst = Math.max(worst, io.compare(spec().scale()));
          if (wantScores != null && gotScores != null) {
            // Below e^−87 a probability may be 0.
            Tolerance tolerance = new Tolerance(1e-36, io.weightError(spec().scale()));
            worst = Math.max(worst, Compare.floats("scores", wantScores, gotScores, tolerance));
          }
        }
        memory.check();
        cache.compare(expected, actual, memory, Tolerance.BITS);
        return worst;
      }
    }

    private @Nullable Tensor scoresOutput(
        String name, CaseCache cache, int layer, CaseMemory memory) {
      return scores == ScoreReduction.NONE
          ? null
          : memory.output(name, DType.F32, cache.tables().slots(layer));
    }

    @Override
    public String toString() {
      return plan
          + ", "
          + rope
          + ", "
          + masking
          + ", scores "
          + scores
          + ", q "
          + deviation
          + ", seed "
          + seed;
    }
  }
}
