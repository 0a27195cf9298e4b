package dev.warpwright.testkit;

import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.KernelDevice;
import dev.warpwright.kernels.KernelId;
import dev.warpwright.kernels.attention.Heads;
import dev.warpwright.kernels.attention.KvPool;
import dev.warpwright.kernels.attention.KvPoolSpec;
import dev.warpwright.kernels.attention.Masking;
import dev.warpwright.kernels.attention.PagedPrefill;
import dev.warpwright.kernels.attention.PagedPrefillSpec;
import dev.warpwright.kernels.attention.Rope;
import dev.warpwright.kernels.attention.SlotArray;
import java.util.ArrayList;
import java.util.List;

/** Cases of {@link PagedPrefill}. */
public final class PagedPrefillContract implements KernelContract {
  private static final int MAX_LENGTH = 1 << 20;

  /** Called by {@link Contracts}. */
  public PagedPrefillContract() {}

  @Override
  public KernelId kernel() {
    return KernelId.PAGED_PREFILL;
  }

  private static Case drawn(
      Heads heads,
      DType dtype,
      int pageSize,
      List<Integer> lengths,
      List<Integer> tokens,
      CaseCache.Order order) {
    return new Case(
        new CaseCache.Plan(heads, dtype, pageSize, lengths, tokens, false, false, order, 1),
        Rope.rotateHalf(heads.headDim(), 10_000),
        Masking.CAUSAL,
        1,
        lengths.size() + 31L * pageSize);
  }

  private static List<Integer> of(int... values) {
    return CaseCache.list(values);
  }

  @Override
  public List<Case> extremes() {
    Heads heads = new Heads(2, 8, 2, 64);
    CaseCache.Order natural = CaseCache.Order.NATURAL;
    CaseCache.Plan shared =
        new CaseCache.Plan(
            heads, DType.F32, 8, of(100, 90, 121), of(3, 10, 70), false, true, natural, 1);
    CaseCache.Plan ragged =
        new CaseCache.Plan(
            heads, DType.F16, 16, of(170, 60), of(9, 30), true, false, CaseCache.Order.SHUFFLED, 1);
    CaseCache.Plan extreme =
        new CaseCache.Plan(heads, DType.F32, 16, of(50), of(50), false, false, natural, 100);
    return List.of(
        drawn(heads, DType.F32, 16, of(), of(), natural),
        drawn(heads, DType.F32, 16, of(0, 5), of(0, 0), natural),
        // More queries than slots: nothing was appended.
        drawn(heads, DType.F32, 16, of(0, 2), of(3, 5), natural),
        drawn(heads, DType.F32, 16, of(1, 15, 16, 17), of(1, 15, 16, 17), natural),
        drawn(heads, DType.F16, 16, of(65, 33, 20), of(65, 0, 1), natural),
        drawn(heads, DType.F32, 1, of(20), of(20), natural),
        drawn(heads, DType.F16, 7, of(50), of(20), natural),
        drawn(heads, DType.F32, 128, of(300), of(130), natural),
        drawn(new Heads(1, 16, 1, 256), DType.F16, 64, of(140), of(20), natural),
        drawn(new Heads(1, 48, 1, 16), DType.F32, 16, of(40), of(5), natural),
        drawn(new Heads(1, 3, 3, 24), DType.F32, 48, of(100), of(67), natural),
        drawn(new Heads(1, 5, 1, 40), DType.F16, 3, of(100), of(17), natural),
        drawn(heads, DType.F32, 16, of(150), of(20), CaseCache.Order.SHUFFLED),
        drawn(heads, DType.F32, 16, of(150), of(50), CaseCache.Order.GAPS),
        drawn(heads, DType.F16, 16, of(50), of(20), CaseCache.Order.FUTURE),
        new Case(extreme, Rope.NONE, Masking.CAUSAL, 100, 76),
        new Case(ragged, Rope.interleaved(64, 1e4), Masking.CAUSAL, 1, 77),
        new Case(shared, Rope.NONE, Masking.CAUSAL, 1, 78),
        new Case(shared, Rope.NONE, Masking.NONE, 1, 79),
        new Case(ragged, Rope.NONE, new Masking(true, 20, 5, false, false), 3, 80),
        new Case(shared, Rope.NONE, new Masking(true, 0, 0, false, false), 1, 81),
        new Case(ragged, Rope.NONE, new Masking(true, -1, 0, true, false), 1, 82),
        new Case(ragged, Rope.NONE, new Masking(true, 3, 30, true, true), 1, 83),
        drawn(heads, DType.F16, 16, of(50), of(20), CaseCache.Order.FUTURE)
            .with(new Masking(true, -1, 0, false, true)));
  }

  @Override
  public List<Case> optional() {
    Heads heads = new Heads(2, 6, 2, 72);
    List<Case> cases = new ArrayList<>();
    cases.add(
        drawn(heads, DType.F32, 16, of(65, 33), of(30, 1), CaseCache.Order.NATURAL)
            .with(new Masking(true, 30, 30, true, true, true)));
    for (DType dtype : CaseCache.NARROW) {
      cases.add(drawn(heads, dtype, 16, of(65, 33), of(65, 1), CaseCache.Order.NATURAL));
      cases.add(drawn(heads, dtype, 5, of(50), of(20), CaseCache.Order.SHUFFLED));
    }
    return cases;
  }

  @Override
  public List<Case> sweep(int strength) {
    boolean pairs = strength <= AttentionSweep.PAIRS;
    List<Case> cases = new ArrayList<>();
    for (AttentionSweep s : AttentionSweep.of(strength, pairs ? 512 : 2048, pairs ? 37 : 577)) {
      cases.add(new Case(s.plan(), s.rope(), s.masking(), 1, s.seed()));
    }
    return cases;
  }

  @Override
  public Case random(CaseRandom random) {
    int requests = random.between(1, 3);
    int[] lengths = new int[requests];
    int[] tokens = new int[requests];
    for (int i = 0; i < requests; i++) {
      lengths[i] = random.size(0, 250);
      tokens[i] = random.chance(0.2) ? Math.min(1, lengths[i]) : random.size(0, lengths[i]);
      tokens[i] = Math.min(tokens[i], 60);
    }
    int kvHeads = random.between(1, 2);
    int headDim = random.chance(0.5) ? random.oneOf(64, 128) : 8 * random.size(1, 32);
    Heads heads = new Heads(random.between(1, 2), kvHeads * random.size(1, 9), kvHeads, headDim);
    float deviation = random.oneOf(0.1f, 1f, 1f, 3f);
    return new Case(
        new CaseCache.Plan(
            heads,
            random.oneOf(DType.F32, DType.F16),
            random.chance(0.5) ? 16 * random.between(1, 8) : random.size(1, 128),
            of(lengths),
            of(tokens),
            random.chance(0.3),
            random.chance(0.3),
            random.oneOf(CaseCache.Order.values()),
            deviation),
        CaseAttention.rope(random, headDim),
        CaseAttention.masking(random),
        deviation,
        random.seed());
  }

  /**
   * One input.
   *
   * @param plan the cache
   * @param rope rotation of the queries
   * @param masking masks and cap
   * @param deviation of the queries
   * @param seed of pages and values
   */
  public record Case(CaseCache.Plan plan, Rope rope, Masking masking, float deviation, long seed)
      implements ContractCase {
    /** The same with other masks. */
    Case with(Masking other) {
      return new Case(plan, rope, other, deviation, seed);
    }

    @Override
    public PagedPrefillSpec spec() {
      return spec(CaseAttention.onePage(plan));
    }

    private PagedPrefillSpec spec(KvPoolSpec pool) {
      float scale = (float) (1 / Math.sqrt(plan.heads().headDim()));
      return new PagedPrefillSpec(
          plan.heads(), pool, plan.maxRequests(), 4096, MAX_LENGTH, rope, scale, masking);
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
          PagedPrefill want = reference.attention().pagedPrefill(spec(cache.spec()), expected);
          PagedPrefill got = device.attention().pagedPrefill(spec(cache.spec()), actual)) {
        want.update(cache.tables());
        got.update(cache.tables());
        double worst = 0;
        for (int layer = 0; layer < plan.heads().layers(); layer++) {
          CaseAttention io =
              new CaseAttention(cache, plan.heads(), masking, deviation, random, memory);
          want.run(layer, io.q(), io.bias(wantSlots), io.expected(), io.expectedLse());
          got.run(layer, io.q(), io.bias(gotSlots), io.actual(), io.actualLse());
          worst = Math.max(worst, io.compare(spec().scale()));
        }
        memory.check();
        cache.compare(expected, actual, memory, Tolerance.BITS);
        return worst;
      }
    }

    @Override
    public String toString() {
      return plan + ", " + rope + ", " + masking + ", q " + deviation + ", seed " + seed;
    }
  }
}
