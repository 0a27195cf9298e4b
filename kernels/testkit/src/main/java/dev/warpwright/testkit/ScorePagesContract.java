package dev.warpwright.testkit;

import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.KernelDevice;
import dev.warpwright.kernels.KernelId;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.attention.Heads;
import dev.warpwright.kernels.attention.KvPool;
import dev.warpwright.kernels.attention.KvPoolSpec;
import dev.warpwright.kernels.attention.PageTables;
import dev.warpwright.kernels.attention.Rope;
import dev.warpwright.kernels.attention.ScorePages;
import dev.warpwright.kernels.attention.ScorePagesSpec;
import dev.warpwright.kernels.attention.ScorePagesSpec.Estimate;
import dev.warpwright.kernels.attention.ScorePagesSpec.Reduction;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;

/** Cases of {@link ScorePages}. */
public final class ScorePagesContract implements KernelContract {
  private static final double EPSILON = 0x1p-24;

  /** Called by {@link Contracts}. */
  public ScorePagesContract() {}

  @Override
  public KernelId kernel() {
    return KernelId.SCORE_PAGES;
  }

  private static Case drawn(
      Heads heads, int pageSize, Estimate estimate, Reduction reduction, int... lengths) {
    CaseCache.Plan plan =
        new CaseCache.Plan(
            heads,
            DType.F16,
            pageSize,
            CaseCache.list(lengths),
            Collections.nCopies(lengths.length, 1),
            false,
            false,
            CaseCache.Order.NATURAL,
            1);
    return new Case(plan, Rope.rotateHalf(heads.headDim(), 1e4), estimate, 0.6f, reduction, 11);
  }

  @Override
  public List<Case> extremes() {
    Heads heads = new Heads(2, 6, 2, 24);
    return List.of(
        drawn(heads, 16, Estimate.BOUND, Reduction.MAX),
        drawn(heads, 16, Estimate.BOUND, Reduction.MAX, 0),
        drawn(heads, 16, Estimate.BOUND, Reduction.MAX, 0, 1, 16, 17, 100),
        drawn(heads, 5, Estimate.BOUND, Reduction.SUM, 33, 7),
        drawn(heads, 16, Estimate.MIX, Reduction.MAX, 33),
        drawn(new Heads(1, 1, 1, 8), 1, Estimate.MIX, Reduction.SUM, 40),
        drawn(new Heads(1, 16, 1, 256), 128, Estimate.BOUND, Reduction.MAX, 300));
  }

  @Override
  public Case random(CaseRandom random) {
    int requests = random.between(1, 4);
    int[] lengths = new int[requests];
    for (int i = 0; i < requests; i++) {
      lengths[i] = random.size(0, 300);
    }
    int kvHeads = random.between(1, 3);
    int headDim = 8 * random.size(1, 32);
    CaseCache.Plan plan =
        new CaseCache.Plan(
            new Heads(random.between(1, 2), kvHeads * random.size(1, 9), kvHeads, headDim),
            DType.F32,
            random.size(1, 128),
            CaseCache.list(lengths),
            Collections.nCopies(requests, 1),
            random.chance(0.5),
            false,
            CaseCache.Order.NATURAL,
            1);
    return new Case(
        plan,
        CaseAttention.rope(random, headDim),
        random.oneOf(Estimate.values()),
        random.oneOf(0f, 0.6f, 1f),
        random.oneOf(Reduction.values()),
        random.seed());
  }

  /**
   * One input.
   *
   * @param plan the cache
   * @param rope rotation of the queries
   * @param estimate how bounds are used
   * @param mix of bounds
   * @param reduction over the group
   * @param seed of pages and values
   */
  public record Case(
      CaseCache.Plan plan, Rope rope, Estimate estimate, float mix, Reduction reduction, long seed)
      implements ContractCase {
    @Override
    public ScorePagesSpec spec() {
      return spec(CaseAttention.onePage(plan));
    }

    private ScorePagesSpec spec(KvPoolSpec pool) {
      return new ScorePagesSpec(plan.heads(), pool, 64, rope, 0.3f, estimate, mix, reduction);
    }

    @Override
    public double run(KernelDevice reference, KernelDevice device) {
      CaseRandom random = new CaseRandom(seed);
      CaseCache cache = new CaseCache(random, plan);
      PageTables tables = cache.tables();
      int pages = cache.spec().headPages();
      int headDim = plan.heads().headDim();
      int queryHeads = plan.heads().queryHeads();
      try (CaseMemory memory = new CaseMemory(random);
          KvPool expected = cache.load(reference, memory);
          KvPool actual = cache.load(device, memory);
          ScorePages want = reference.attention().scorePages(spec(cache.spec()), expected);
          ScorePages got = device.attention().scorePages(spec(cache.spec()), actual)) {
        want.update(tables);
        got.update(tables);
        double worst = 0;
        for (int layer = 0; layer < plan.heads().layers(); layer++) {
          float[] bounds = bounds(random, tables, layer, pages * 2 * headDim);
          float[] q = random.normals(tables.requests() * queryHeads * headDim, 1);
          Tensor given = memory.input("bounds", bounds, pages, 2, headDim);
          Tensor queries = memory.input("q", q, tables.requests(), queryHeads, headDim);
          Tensor first = memory.output("expected", DType.F32, tables.usedPages(layer));
          Tensor second = memory.output("scores", DType.F32, tables.usedPages(layer));
          want.run(layer, queries, given, first);
          got.run(layer, queries, given, second);
          device.synchronize();
          worst = Math.max(worst, Compare.floats("scores", first, second, tolerance(q, bounds)));
        }
        memory.check();
        return worst;
      }
    }

    /** Two bounds a dimension in order; NaN in pages that are not asked for. */
    private float[] bounds(CaseRandom random, PageTables tables, int layer, int size) {
      int headDim = plan.heads().headDim();
      float[] bounds = new float[size];
      Arrays.fill(bounds, Float.NaN);
      for (int row = tables.rowOf(layer, 0, 0); row < tables.rowOf(layer + 1, 0, 0); row++) {
        for (int index = 0; index < tables.usedPageCount(row); index++) {
          int at = 2 * tables.page(row, index) * headDim;
          for (int dim = 0; dim < headDim; dim++) {
            float a = random.normal();
            float b = random.normal();
            bounds[at + dim] = Math.min(a, b);
            bounds[at + headDim + dim] = Math.max(a, b);
          }
        }
      }
      return bounds;
    }

    /**
     * A sum of headDim products errs by some √headDim units of the product of norms, and by six
     * more of rotation, scale and mix; a group adds up so many.
     */
    private Tolerance tolerance(float[] q, float[] bounds) {
      double norms = 0.3 * largestNorm(q, 1) * largestNorm(bounds, 2);
      double units = 6 + 2 * Math.sqrt(plan.heads().headDim());
      int added = reduction == Reduction.SUM ? plan.heads().group() : 1;
      return new Tolerance(EPSILON * added * (units + added) * norms, 0);
    }

    /** The largest norm of {@code rows} rows of headDim elements each, one after the other. */
    private double largestNorm(float[] values, int rows) {
      int size = rows * plan.heads().headDim();
      double largest = 0;
      for (int from = 0; from < values.length; from += size) {
        double squares = 0;
        for (int i = from; i < from + size; i++) {
          squares += Float.isNaN(values[i]) ? 0 : (double) values[i] * values[i];
        }
        largest = Math.max(largest, Math.sqrt(squares));
      }
      return largest;
    }
  }
}
