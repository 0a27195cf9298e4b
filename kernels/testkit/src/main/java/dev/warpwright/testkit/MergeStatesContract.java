package dev.warpwright.testkit;

import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.KernelDevice;
import dev.warpwright.kernels.KernelId;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.attention.MergeStates;
import dev.warpwright.kernels.attention.MergeStatesSpec;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Cases of {@link MergeStates}. */
public final class MergeStatesContract implements KernelContract {
  /** Called by {@link Contracts}. */
  public MergeStatesContract() {}

  /**
   * A weighted mean of values of deviation 1, which may cancel: what is rounded are terms of a few
   * units, one a state.
   */
  private static final Tolerance OUT = new Tolerance(4e-6, 1e-6);

  /** Rounding of a logarithm of up to a few hundred. */
  private static final Tolerance LSE = new Tolerance(1e-6, 3e-7);

  @Override
  public KernelId kernel() {
    return KernelId.MERGE_STATES;
  }

  @Override
  public List<Case> extremes() {
    return List.of(
        new Case(new MergeStatesSpec(2, 4, 3, 64), 0, Logs.NEAR, true, 1),
        new Case(new MergeStatesSpec(1, 1, 1, 8), 1, Logs.NEAR, true, 2),
        new Case(new MergeStatesSpec(1, 3, 2, 24), 3, Logs.EMPTY, true, 3),
        new Case(new MergeStatesSpec(2, 5, 3, 40), 5, Logs.NEAR, false, 4),
        new Case(new MergeStatesSpec(33, 17, 1, 256), 17, Logs.MIXED, true, 5),
        new Case(new MergeStatesSpec(3, 129, 4, 128), 129, Logs.FAR, true, 6),
        new Case(new MergeStatesSpec(7, 4, 8, 64), 4, Logs.EMPTY, true, 7),
        new Case(new MergeStatesSpec(4, 9, 5, 16), 9, Logs.WILD, true, 8));
  }

  @Override
  public Case random(CaseRandom random) {
    int tokens = random.size(1, 60);
    MergeStatesSpec spec =
        new MergeStatesSpec(
            random.size(1, 9),
            tokens + random.between(0, 3),
            random.size(1, 12),
            8 * random.between(1, 32));
    return new Case(
        spec,
        tokens,
        random.oneOf(Logs.NEAR, Logs.FAR, Logs.MIXED, Logs.EMPTY, Logs.WILD),
        random.chance(0.7),
        random.seed());
  }

  /** What the log-sum-exps are like. */
  public enum Logs {
    /** Of similar size. */
    NEAR,
    /** So far apart that most weights vanish. */
    FAR,
    /** Some of no keys. */
    MIXED,
    /** All of no keys. */
    EMPTY,
    /** Some infinite or not numbers. */
    WILD
  }

  /**
   * One input.
   *
   * @param spec sizes
   * @param tokens tokens of the run
   * @param logs the log-sum-exps
   * @param writesLse whether the merged log-sum-exps are asked for
   * @param seed of the values
   */
  public record Case(MergeStatesSpec spec, int tokens, Logs logs, boolean writesLse, long seed)
      implements ContractCase {
    @Override
    public double run(KernelDevice reference, KernelDevice device) {
      CaseRandom random = new CaseRandom(seed);
      try (CaseMemory memory = new CaseMemory(random)) {
        int states = spec.states();
        int heads = spec.queryHeads();
        int dim = spec.headDim();
        float[] values = random.normals(states * tokens * heads * dim, 1);
        float[] logSums = draw(random, states * tokens * heads);
        for (int i = 0; i < logSums.length; i++) {
          if (logSums[i] == Float.NEGATIVE_INFINITY) {
            // What a state of no keys holds is not read.
            Arrays.fill(values, i * dim, (i + 1) * dim, Float.NaN);
          }
        }
        Tensor outs = memory.input("outs", values, states, tokens, heads, dim);
        Tensor lses = memory.input("lses", logSums, states, tokens, heads);
        Tensor expected = memory.output("expected", DType.F32, tokens, heads, dim);
        Tensor expectedLse = memory.output("expected lse", DType.F32, tokens, heads);
        Tensor actual = memory.output("out", DType.F32, tokens, heads, dim);
        @Nullable Tensor lse = writesLse ? memory.output("lse", DType.F32, tokens, heads) : null;
        try (MergeStates plan = reference.attention().mergeStates(spec)) {
          plan.run(outs, lses, expected, expectedLse);
        }
        try (MergeStates plan = device.attention().mergeStates(spec)) {
          plan.run(outs, lses, actual, lse);
        }
        memory.check();
        double worst = Compare.floats("out", expected, actual, OUT);
        return lse == null ? worst : Math.max(worst, Compare.floats("lse", expectedLse, lse, LSE));
      }
    }

    private float[] draw(CaseRandom random, int count) {
      float[] logSums = random.normals(count, logs == Logs.FAR ? 200 : 3);
      for (int i = 0; i < count; i++) {
        switch (logs) {
          case NEAR, FAR -> {}
          case MIXED -> logSums[i] = random.chance(0.5) ? Float.NEGATIVE_INFINITY : logSums[i];
          case EMPTY -> logSums[i] = Float.NEGATIVE_INFINITY;
          case WILD ->
              logSums[i] =
                  random.oneOf(
                      logSums[i],
                      logSums[i],
                      Float.NEGATIVE_INFINITY,
                      Float.POSITIVE_INFINITY,
                      Float.NaN);
        }
      }
      return logSums;
    }
  }
}
