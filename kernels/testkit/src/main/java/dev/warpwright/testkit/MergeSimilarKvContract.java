package dev.warpwright.testkit;

import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.KernelDevice;
import dev.warpwright.kernels.KernelId;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.attention.KvPool;
import dev.warpwright.kernels.attention.KvPoolSpec;
import dev.warpwright.kernels.attention.MergeSimilarKv;
import dev.warpwright.kernels.attention.MergeSimilarKvSpec;
import dev.warpwright.kernels.attention.PageTables;
import dev.warpwright.kernels.attention.SlotArray;
import java.util.ArrayList;
import java.util.List;

/** Cases of {@link MergeSimilarKv}: which slots stay is compared exactly, and all of the pool. */
public final class MergeSimilarKvContract implements KernelContract {
  /** Called by {@link Contracts}. */
  public MergeSimilarKvContract() {}

  @Override
  public KernelId kernel() {
    return KernelId.MERGE_SIMILAR_KV;
  }

  private static Case drawn(DType dtype, int pageSize, double threshold, int... lengths) {
    return new Case(SlotCases.plan(dtype, pageSize, false, lengths), threshold, 0, 0, 5);
  }

  @Override
  public List<Case> extremes() {
    return List.of(
        drawn(DType.F32, 16, 0.2),
        drawn(DType.F32, 16, 0.2, 0, 1, 2, 16, 17, 100),
        // All become one; none do.
        drawn(DType.F16, 16, -1, 40, 1),
        drawn(DType.F32, 5, 1, 33),
        drawn(DType.F16, 1, 0, 20),
        drawn(DType.F32, 128, 0, 300),
        new Case(SlotCases.plan(DType.F32, 16, true, 60, 9), -1, 4, 8, 6),
        new Case(SlotCases.plan(DType.F32, 16, false, 20), -1, 4, 99, 7));
  }

  @Override
  public List<Case> optional() {
    return CaseCache.NARROW.stream().map(dtype -> drawn(dtype, 16, 0, 40, 3)).toList();
  }

  @Override
  public List<Case> sweep(int strength) {
    List<Case> cases = new ArrayList<>();
    for (AttentionSweep s : AttentionSweep.unshared(strength, 1)) {
      CaseRandom random = new CaseRandom(s.seed());
      cases.add(new Case(s.plan(), random.oneOf(-0.2, 0.5), 3, 7, s.seed()));
    }
    return cases;
  }

  @Override
  public Case random(CaseRandom random) {
    return new Case(
        SlotCases.random(random),
        random.oneOf(-1.0, -0.2, 0.0, 0.2, 0.5, 1.0),
        random.oneOf(0, 0, 3),
        random.oneOf(0, 0, 7),
        random.seed());
  }

  /**
   * One input.
   *
   * @param plan the cache
   * @param threshold least cosine
   * @param protectedPrefix first tokens left alone
   * @param recents last tokens left alone
   * @param seed of pages, values and scores
   */
  public record Case(
      CaseCache.Plan plan, double threshold, int protectedPrefix, int recents, long seed)
      implements ContractCase {
    @Override
    public MergeSimilarKvSpec spec() {
      return spec(CaseAttention.onePage(plan));
    }

    private MergeSimilarKvSpec spec(KvPoolSpec pool) {
      return new MergeSimilarKvSpec(
          plan.heads(), pool, plan.maxRequests(), threshold, protectedPrefix, recents);
    }

    @Override
    public double run(KernelDevice reference, KernelDevice device) {
      CaseRandom random = new CaseRandom(seed);
      CaseCache cache = new CaseCache(random, plan);
      PageTables tables = cache.tables();
      int rows = tables.requests() * tables.kvHeads();
      try (CaseMemory memory = new CaseMemory(random);
          KvPool expected = cache.load(reference, memory);
          KvPool actual = cache.load(device, memory);
          SlotArray wantCounts = counts(expected);
          SlotArray gotCounts = counts(actual);
          MergeSimilarKv want =
              reference.attention().mergeSimilarKv(spec(cache.spec()), expected, wantCounts);
          MergeSimilarKv got =
              device.attention().mergeSimilarKv(spec(cache.spec()), actual, gotCounts)) {
        want.update(tables);
        got.update(tables);
        for (int layer = 0; layer < plan.heads().layers(); layer++) {
          long slots = tables.slots(layer);
          Tensor scores = memory.input("scores", scores(random, (int) slots), slots);
          Tensor wantKept = memory.output("expected", DType.I32, slots);
          Tensor gotKept = memory.output("kept", DType.I32, slots);
          Tensor wantLengths =
              memory.output("expected", DType.I32, tables.requests(), tables.kvHeads());
          Tensor gotLengths =
              memory.output("lengths", DType.I32, tables.requests(), tables.kvHeads());
          want.run(layer, scores, wantKept, wantLengths);
          got.run(layer, scores, gotKept, gotLengths);
          device.synchronize();
          Compare.ints("kept", wantKept, gotKept);
          Compare.ints("lengths", wantLengths.reshape(rows), gotLengths.reshape(rows));
        }
        memory.check();
        Compare.floats(
            "counts", read(reference, wantCounts), read(device, gotCounts), Tolerance.BITS);
        // In double up to one rounding, which an exponential of another library may turn.
        double largest = Math.max(cache.largestKey(), cache.largestValue());
        Tolerance rounding = CaseCache.rotated(plan.dtype(), largest);
        return cache.compare(expected, actual, memory, rounding, rounding);
      }
    }

    /** Ties and NaN among them. */
    private static float[] scores(CaseRandom random, int count) {
      float[] scores = new float[count];
      for (int i = 0; i < count; i++) {
        scores[i] = random.chance(0.1) ? Float.NaN : random.between(-2, 5) / 4f;
      }
      return scores;
    }

    /** Slots of one to four tokens. */
    private static SlotArray counts(KvPool pool) {
      SlotArray array = pool.attach("counts", 1, 0);
      Tensor all = array.tensor();
      float[] logs = new float[(int) all.elements()];
      for (int i = 0; i < logs.length; i++) {
        logs[i] = (float) Math.log(1 + i % 4);
      }
      pool.device().copy(Tensor.wrap(logs, all.size(0), all.size(1), 1), all);
      return array;
    }

    private static Tensor read(KernelDevice device, SlotArray array) {
      Tensor all = array.tensor();
      Tensor copy = Tensor.wrap(new float[(int) all.elements()], all.size(0), all.size(1), 1);
      device.copy(all, copy);
      return copy;
    }
  }
}
