package dev.warpwright.testkit;

import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.KernelDevice;
import dev.warpwright.kernels.KernelId;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.moe.Route;
import dev.warpwright.kernels.moe.RouteSpec;
import dev.warpwright.kernels.moe.RouteSpec.Scoring;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Cases of {@link Route}. */
public final class RouteContract implements KernelContract {
  /** What the logits look like. */
  private enum Logits {
    /** Normally distributed. */
    NORMAL,
    /** Few distinct values: many exact ties. */
    TIES,
    /** All equal, of both zeros. */
    ZEROS,
    /** NaN, infinities, and values whose exponentials overflow and vanish, among normal ones. */
    SPECIAL,
    /** −∞ for most experts. */
    MASKED
  }

  /** The contract. */
  public RouteContract() {}

  @Override
  public KernelId kernel() {
    return KernelId.ROUTE;
  }

  @Override
  public List<ContractCase> extremes() {
    List<ContractCase> cases = new ArrayList<>();
    for (Logits logits : Logits.values()) {
      cases.add(new RouteCase(RouteSpec.mixtral(33, 8, 2), 33, logits, 1));
      cases.add(new RouteCase(RouteSpec.mixtral(3, 60, 4), 3, logits, 2));
      cases.add(new RouteCase(RouteSpec.deepSeek(33, 256, 8, 8, 4, 2.5f), 33, logits, 3));
      cases.add(new RouteCase(RouteSpec.deepSeek(3, 160, 6, 8, 3, 16f), 3, logits, 4));
    }
    cases.add(new RouteCase(RouteSpec.mixtral(8, 8, 2), 0, Logits.NORMAL, 5));
    cases.add(new RouteCase(RouteSpec.mixtral(1, 1, 1), 1, Logits.NORMAL, 6));
    cases.add(new RouteCase(RouteSpec.mixtral(256, 32, 4), 256, Logits.NORMAL, 7));
    cases.add(new RouteCase(RouteSpec.mixtral(1024, 128, 8), 1024, Logits.NORMAL, 8));
    cases.add(new RouteCase(RouteSpec.mixtral(3, 257, 16), 3, Logits.TIES, 9));
    cases.add(new RouteCase(RouteSpec.mixtral(3, 512, 10), 1, Logits.TIES, 10));
    cases.add(new RouteCase(RouteSpec.mixtral(5, 33, 33), 5, Logits.SPECIAL, 11));
    // Groups of one expert: a group's score is that expert's.
    cases.add(new RouteCase(RouteSpec.deepSeek(33, 16, 3, 16, 5, 1), 33, Logits.TIES, 12));
    // Every allowed expert is chosen.
    cases.add(new RouteCase(RouteSpec.deepSeek(33, 24, 6, 8, 2, 1), 33, Logits.SPECIAL, 13));
    return cases;
  }

  @Override
  public ContractCase random(CaseRandom random) {
    int groups = random.chance(0.5) ? 1 : random.between(2, 9);
    int experts = groups * random.size(1, 512 / groups);
    int kept = random.between(1, groups);
    int topK = random.between(1, Math.min(16, experts / groups * kept));
    int maxTokens = random.size(1, 64);
    RouteSpec spec =
        new RouteSpec(
            maxTokens,
            experts,
            topK,
            random.oneOf(Scoring.values()),
            random.chance(0.5),
            groups,
            kept,
            random.chance(0.5),
            random.oneOf(1f, 2.5f, -0.5f, 0f));
    return new RouteCase(
        spec, random.between(0, maxTokens), random.oneOf(Logits.values()), random.bits());
  }

  private record RouteCase(RouteSpec spec, int tokens, Logits kind, long seed)
      implements ContractCase {
    @Override
    public double run(KernelDevice reference, KernelDevice device) {
      CaseRandom random = new CaseRandom(seed);
      int experts = spec.experts();
      try (CaseMemory memory = new CaseMemory(random)) {
        Tensor logits = memory.input("logits", logits(random, tokens * experts), tokens, experts);
        Tensor bias = spec.biased() ? memory.input("bias", bias(random), experts) : null;
        Tensor ids = memory.output("ids", DType.I32, tokens, spec.topK());
        Tensor weights = memory.output("weights", DType.F32, tokens, spec.topK());
        Tensor expectedIds = memory.output("ids", DType.I32, tokens, spec.topK());
        Tensor expectedWeights = memory.output("weights", DType.F32, tokens, spec.topK());
        route(reference, logits, bias, expectedIds, expectedWeights);
        route(device, logits, bias, ids, weights);
        memory.check();
        double worst = 0;
        for (int t = 0; t < tokens; t++) {
          RouteOracle oracle = new RouteOracle(spec, t, logits, bias);
          oracle.judge(expectedIds, expectedIds, expectedWeights);
          worst = Math.max(worst, oracle.judge(expectedIds, ids, weights));
        }
        return worst;
      }
    }

    private void route(
        KernelDevice device, Tensor logits, @Nullable Tensor bias, Tensor ids, Tensor weights) {
      try (Route route = device.moe().route(spec)) {
        route.run(logits, bias, ids, weights);
        device.synchronize();
      }
    }

    private float[] bias(CaseRandom random) {
      float[] bias = random.normals(spec.experts(), 0.1f);
      for (int e = 0; e < bias.length; e++) {
        if (kind == Logits.TIES || kind == Logits.ZEROS) {
          bias[e] = random.oneOf(0f, -0f, 0.25f);
        } else if (kind == Logits.SPECIAL && random.chance(0.1)) {
          bias[e] =
              random.oneOf(Float.NaN, Float.NEGATIVE_INFINITY, Float.POSITIVE_INFINITY, -1f, 1e30f);
        }
      }
      return bias;
    }

    private float[] logits(CaseRandom random, int count) {
      float[] logits = random.normals(count, 2);
      for (int i = 0; i < count; i++) {
        logits[i] =
            switch (kind) {
              case NORMAL -> logits[i];
              case TIES -> Math.round(logits[i]);
              case ZEROS -> random.oneOf(0f, -0f);
              case SPECIAL -> random.chance(0.9) ? logits[i] : special(random);
              case MASKED -> random.chance(0.2) ? logits[i] : Float.NEGATIVE_INFINITY;
            };
      }
      return logits;
    }

    private static float special(CaseRandom random) {
      return random.chance(0.05)
          ? random.oneOf(Float.NaN, Float.POSITIVE_INFINITY, Float.MAX_VALUE)
          : random.oneOf(
              Float.NEGATIVE_INFINITY, -Float.MAX_VALUE, -95f, 95f, -30f, Float.MIN_VALUE, 1e-30f);
    }
  }
}
