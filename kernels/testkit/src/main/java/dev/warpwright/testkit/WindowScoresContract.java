package dev.warpwright.testkit;

import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.KernelDevice;
import dev.warpwright.kernels.KernelId;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.attention.Heads;
import dev.warpwright.kernels.attention.KvPool;
import dev.warpwright.kernels.attention.KvPoolSpec;
import dev.warpwright.kernels.attention.Masking;
import dev.warpwright.kernels.attention.PagedPrefill;
import dev.warpwright.kernels.attention.PagedPrefillSpec;
import dev.warpwright.kernels.attention.Rope;
import dev.warpwright.kernels.attention.ScoreReduction;
import dev.warpwright.kernels.attention.SlotArray;
import dev.warpwright.kernels.attention.WindowScores;
import dev.warpwright.kernels.attention.WindowScoresSpec;
import dev.warpwright.kernels.attention.WindowStatistics;
import java.util.ArrayList;
import java.util.List;

/** Cases of {@link WindowScores}; the log-sum-exps are those of the reference's prefill. */
public final class WindowScoresContract implements KernelContract {
  private static final int MAX_LENGTH = 1 << 20;

  /** Called by {@link Contracts}. */
  public WindowScoresContract() {}

  @Override
  public KernelId kernel() {
    return KernelId.WINDOW_SCORES;
  }

  private static Case drawn(
      Heads heads, DType dtype, int pageSize, int window, int[] lengths, int[] tokens) {
    return drawn(heads, dtype, pageSize, window, lengths, tokens, CaseCache.Order.NATURAL, 1);
  }

  private static Case drawn(
      Heads heads,
      DType dtype,
      int pageSize,
      int window,
      int[] lengths,
      int[] tokens,
      CaseCache.Order order,
      float deviation) {
    CaseCache.Plan plan =
        new CaseCache.Plan(
            heads,
            dtype,
            pageSize,
            CaseCache.list(lengths),
            CaseCache.list(tokens),
            false,
            false,
            order,
            deviation);
    return new Case(
        plan,
        Rope.rotateHalf(heads.headDim(), 1e4),
        Masking.CAUSAL,
        ScoreReduction.SUM,
        window,
        deviation,
        lengths.length + 31L * pageSize);
  }

  private static int[] of(int... values) {
    return values;
  }

  @Override
  public List<Case> extremes() {
    Heads heads = new Heads(2, 8, 2, 64);
    CaseCache.Order natural = CaseCache.Order.NATURAL;
    CaseCache.Plan ragged =
        new CaseCache.Plan(
            heads,
            DType.F16,
            16,
            CaseCache.list(170, 60),
            CaseCache.list(9, 30),
            true,
            false,
            CaseCache.Order.SHUFFLED,
            1);
    Masking all = new Masking(true, 40, 30, true, true);
    return List.of(
        drawn(heads, DType.F32, 16, 32, of(), of()),
        drawn(heads, DType.F32, 16, 32, of(0, 5), of(0, 0)),
        // One row has no variance.
        drawn(heads, DType.F32, 16, 1, of(20, 33), of(20, 5)),
        drawn(heads, DType.F32, 16, 2, of(20, 33), of(20, 1)),
        drawn(heads, DType.F16, 16, 32, of(127, 128, 129, 300), of(40, 128, 33, 31)),
        drawn(heads, DType.F32, 5, MAX_LENGTH, of(200), of(200)),
        drawn(new Heads(1, 48, 1, 16), DType.F32, 16, 7, of(40), of(9)),
        drawn(new Heads(1, 3, 3, 24), DType.F32, 48, 70, of(100), of(67)),
        drawn(heads, DType.F16, 16, 20, of(50), of(20), CaseCache.Order.FUTURE, 1),
        drawn(heads, DType.F32, 16, 20, of(150), of(50), CaseCache.Order.GAPS, 1),
        // Everything or nothing: probabilities of 0 and 1.
        drawn(heads, DType.F32, 16, 20, of(150), of(50), natural, 100),
        new Case(ragged, Rope.NONE, Masking.NONE, ScoreReduction.MEAN, 8, 1, 77),
        new Case(ragged, Rope.interleaved(64, 1e4), all, ScoreReduction.SUM, 16, 3, 78));
  }

  @Override
  public List<Case> optional() {
    Heads heads = new Heads(1, 6, 2, 72);
    List<Case> cases = new ArrayList<>();
    Case plain = drawn(heads, DType.F32, 16, 20, of(129, 33), of(40, 20));
    cases.add(
        new Case(
            plain.plan(), Rope.NONE, Masking.CAUSAL.withSlotBias(), ScoreReduction.SUM, 20, 1, 9));
    for (DType dtype : CaseCache.NARROW) {
      cases.add(drawn(heads, dtype, 16, 20, of(129, 33), of(40, 20)));
      cases.add(drawn(heads, dtype, 5, 7, of(60), of(9)));
    }
    return cases;
  }

  @Override
  public List<Case> sweep(int strength) {
    boolean pairs = strength <= AttentionSweep.PAIRS;
    List<Case> cases = new ArrayList<>();
    for (AttentionSweep s : AttentionSweep.of(strength, pairs ? 512 : 2048, pairs ? 37 : 127)) {
      ScoreReduction reduction =
          s.scores() == ScoreReduction.NONE ? ScoreReduction.SUM : s.scores();
      int window = 1 + (int) Math.floorMod(s.seed(), 40L);
      cases.add(new Case(s.plan(), s.rope(), s.masking(), reduction, window, 1, s.seed()));
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
      tokens[i] = Math.min(random.size(0, lengths[i]), 50);
    }
    int kvHeads = random.between(1, 2);
    int headDim = random.chance(0.5) ? 64 : 8 * random.size(1, 16);
    Heads heads = new Heads(random.between(1, 2), kvHeads * random.size(1, 9), kvHeads, headDim);
    float deviation = random.oneOf(0.1f, 1f, 1f, 3f);
    return new Case(
        new CaseCache.Plan(
            heads,
            random.oneOf(DType.F32, DType.F16),
            random.chance(0.5) ? 16 * random.between(1, 8) : random.size(1, 128),
            CaseCache.list(lengths),
            CaseCache.list(tokens),
            random.chance(0.3),
            random.chance(0.3),
            random.oneOf(CaseCache.Order.values()),
            deviation),
        CaseAttention.rope(random, headDim),
        CaseAttention.masking(random),
        random.oneOf(ScoreReduction.SUM, ScoreReduction.MEAN),
        random.size(1, 60),
        deviation,
        random.seed());
  }

  /**
   * One input.
   *
   * @param plan the cache
   * @param rope rotation of the queries
   * @param masking masks, cap and biases
   * @param reduction of groups
   * @param window observing query tokens of a request
   * @param deviation of the queries
   * @param seed of pages and values
   */
  public record Case(
      CaseCache.Plan plan,
      Rope rope,
      Masking masking,
      ScoreReduction reduction,
      int window,
      float deviation,
      long seed)
      implements ContractCase {
    @Override
    public WindowScoresSpec spec() {
      return spec(CaseAttention.onePage(plan));
    }

    private WindowScoresSpec spec(KvPoolSpec pool) {
      float scale = (float) (1 / Math.sqrt(plan.heads().headDim()));
      return new WindowScoresSpec(
          plan.heads(),
          pool,
          plan.maxRequests(),
          4096,
          MAX_LENGTH,
          window,
          rope,
          scale,
          masking,
          reduction);
    }

    private PagedPrefillSpec prefill(KvPoolSpec pool) {
      return new PagedPrefillSpec(
          plan.heads(), pool, plan.maxRequests(), 4096, MAX_LENGTH, rope, spec().scale(), masking);
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
          PagedPrefill prefill =
              reference.attention().pagedPrefill(prefill(cache.spec()), expected);
          WindowScores want = reference.attention().windowScores(spec(cache.spec()), expected);
          WindowScores got = device.attention().windowScores(spec(cache.spec()), actual)) {
        prefill.update(cache.tables());
        want.update(cache.tables());
        got.update(cache.tables());
        double worst = 0;
        for (int layer = 0; layer < plan.heads().layers(); layer++) {
          CaseAttention io =
              new CaseAttention(cache, plan.heads(), masking, deviation, random, memory);
          prefill.run(layer, io.q(), io.bias(wantSlots), io.expected(), io.expectedLse());
          Tensor lse =
              memory.input(
                  "lse",
                  io.expectedLse().toFloats(),
                  cache.tables().tokens(),
                  plan.heads().queryHeads());
          Outputs wanted = new Outputs(memory, cache.tables().slots(layer));
          Outputs gotten = new Outputs(memory, cache.tables().slots(layer));
          want.run(layer, io.q(), io.bias(wantSlots), lse, wanted.all());
          got.run(layer, io.q(), io.bias(gotSlots), lse, gotten.all());
          worst = Math.max(worst, compare(wanted, gotten, io.weightError(spec().scale())));
        }
        memory.check();
        return worst;
      }
    }

    /**
     * A probability errs by {@code error} relatively, sums of n by n more roundings. The entropy's
     * term p · ln p errs by p · (1 + |ln p|) times that. The squares that the variance is made of
     * err by twice that, and p² is at most the variance and the square of the mean together.
     */
    private double compare(Outputs want, Outputs got, double error) {
      int group = plan.heads().group();
      double sums = error + 0x1p-24 * (4 + Math.min(window, 64) * group);
      double worst =
          Math.max(
              Compare.floats("sum", want.sum, got.sum, new Tolerance(1e-35, sums)),
              Compare.floats("mean", want.mean, got.mean, new Tolerance(1e-35, sums)));
      for (long i = 0; i < want.sum.elements(); i++) {
        double mean = want.mean.getFloat(i);
        double squares = want.variance.getFloat(i) + group * mean * mean;
        Tolerance variance = new Tolerance(4 * sums * squares + 1e-35, 0);
        double sum = want.sum.getFloat(i);
        Tolerance entropy = new Tolerance(sums * sum + 1e-33, 2 * sums);
        worst = Math.max(worst, one("variance", want.variance, got.variance, i, variance));
        worst = Math.max(worst, one("entropy", want.entropy, got.entropy, i, entropy));
      }
      return worst;
    }

    private static double one(String name, Tensor want, Tensor got, long i, Tolerance tolerance) {
      return Compare.floats(
          name + "[" + i + "]", want.slice(i, i + 1), got.slice(i, i + 1), tolerance);
    }

    @Override
    public String toString() {
      return plan + ", " + rope + ", " + masking + ", " + reduction + " over " + window + ", q "
          + deviation + ", seed " + seed;
    }
  }

  /** All results of one run. */
  private static final class Outputs {
    private final Tensor sum;
    private final Tensor mean;
    private final Tensor variance;
    private final Tensor entropy;

    Outputs(CaseMemory memory, long slots) {
      sum = memory.output("sum", DType.F32, slots);
      mean = memory.output("mean", DType.F32, slots);
      variance = memory.output("variance", DType.F32, slots);
      entropy = memory.output("entropy", DType.F32, slots);
    }

    WindowStatistics all() {
      return new WindowStatistics(sum, mean, variance, entropy);
    }
  }
}
