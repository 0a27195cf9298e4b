package dev.warpwright.testkit;

import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.KernelDevice;
import dev.warpwright.kernels.KernelId;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.attention.KvPool;
import dev.warpwright.kernels.attention.KvPoolSpec;
import dev.warpwright.kernels.attention.ScoreAccumulate;
import dev.warpwright.kernels.attention.ScoreAccumulateSpec;
import dev.warpwright.kernels.attention.ScoreAccumulateSpec.Statistic;
import dev.warpwright.kernels.attention.SlotArray;
import java.util.ArrayList;
import java.util.List;

/** Cases of {@link ScoreAccumulate}: three steps each, all bits of all pages compared. */
public final class ScoreAccumulateContract implements KernelContract {
  private static final int STEPS = 3;

  /** Called by {@link Contracts}. */
  public ScoreAccumulateContract() {}

  @Override
  public KernelId kernel() {
    return KernelId.SCORE_ACCUMULATE;
  }

  @Override
  public List<Case> extremes() {
    List<Case> cases = new ArrayList<>();
    for (Statistic statistic : Statistic.values()) {
      for (boolean restart : new boolean[] {false, true}) {
        cases.add(new Case(plan(), statistic, restart, 1, false, 1));
      }
      cases.add(new Case(SlotCases.plan(DType.F32, 16, false), statistic, false, 4, true, 2));
      cases.add(
          new Case(
              SlotCases.plan(DType.F32, 16, false, 0, 1, 15, 16, 17),
              statistic,
              false,
              9,
              true,
              3));
    }
    return cases;
  }

  private static CaseCache.Plan plan() {
    return SlotCases.plan(DType.F16, 5, true, 40, 3, 121);
  }

  @Override
  public Case random(CaseRandom random) {
    return new Case(
        SlotCases.random(random),
        random.oneOf(Statistic.values()),
        random.chance(0.3),
        random.size(1, 40),
        random.chance(0.5),
        random.seed());
  }

  /**
   * One input.
   *
   * @param plan the cache
   * @param statistic what is kept
   * @param restart whether each step starts anew
   * @param window most observations of a request
   * @param variances whether they are given, for moments
   * @param seed of the scores
   */
  public record Case(
      CaseCache.Plan plan,
      Statistic statistic,
      boolean restart,
      int window,
      boolean variances,
      long seed)
      implements ContractCase {
    @Override
    public ScoreAccumulateSpec spec() {
      return spec(CaseAttention.onePage(plan));
    }

    private ScoreAccumulateSpec spec(KvPoolSpec pool) {
      return new ScoreAccumulateSpec(plan.heads(), pool, 64, statistic, restart, window);
    }

    @Override
    public double run(KernelDevice reference, KernelDevice device) {
      CaseRandom random = new CaseRandom(seed);
      CaseCache cache = new CaseCache(random, plan);
      try (CaseMemory memory = new CaseMemory(random);
          KvPool expected = cache.load(reference, memory);
          KvPool actual = cache.load(device, memory);
          SlotArray wanted = expected.attach("scores", statistic.width(), 0);
          SlotArray gotten = actual.attach("scores", statistic.width(), 0);
          ScoreAccumulate want =
              reference.attention().scoreAccumulate(spec(cache.spec()), expected, wanted);
          ScoreAccumulate got =
              device.attention().scoreAccumulate(spec(cache.spec()), actual, gotten)) {
        want.update(cache.tables());
        got.update(cache.tables());
        for (int step = 0; step < STEPS * plan.heads().layers(); step++) {
          int layer = step % plan.heads().layers();
          int slots = (int) cache.tables().slots(layer);
          Tensor scores = memory.input("scores", positives(random, slots), slots);
          Tensor variance =
              variances && statistic == Statistic.MOMENTS
                  ? memory.input("variances", positives(random, slots), slots)
                  : null;
          want.run(layer, scores, variance);
          got.run(layer, scores, variance);
        }
        device.synchronize();
        memory.check();
        return Compare.floats(
            "numbers", onHost(reference, wanted), onHost(device, gotten), Tolerance.BITS);
      }
    }

    private static float[] positives(CaseRandom random, int count) {
      float[] values = random.normals(count, 1);
      for (int i = 0; i < count; i++) {
        values[i] = Math.abs(values[i]);
      }
      return values;
    }

    private static Tensor onHost(KernelDevice device, SlotArray array) {
      Tensor all = array.tensor();
      Tensor copy =
          Tensor.wrap(new float[(int) all.elements()], all.size(0), all.size(1), all.size(2));
      device.copy(all, copy);
      return copy;
    }
  }
}
