package dev.warpwright.testkit.moe;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;

import dev.warpwright.kernels.KernelDevice;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.moe.Route;
import dev.warpwright.kernels.moe.RouteSpec;
import dev.warpwright.kernels.moe.RouteSpec.Scoring;
import dev.warpwright.testkit.CaseRandom;
import dev.warpwright.testkit.ContractTest;
import dev.warpwright.testkit.Repeats;
import dev.warpwright.testkit.RouteContract;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class RouteContractTest extends ContractTest {
  private static final float NAN = Float.NaN;
  private static final float INF = Float.POSITIVE_INFINITY;

  RouteContractTest() {
    super(new RouteContract());
  }

  /** Probabilities 1/7, 4/7, 2/7: the best two are 4/6 and 2/6 of their sum. */
  @ParameterizedTest
  @ValueSource(strings = {"reference", "cpu"})
  void mixtral(String provider) {
    float ln2 = (float) Math.log(2);
    assertRoute(
        provider,
        RouteSpec.mixtral(1, 3, 2),
        new float[] {0, 2 * ln2, ln2},
        null,
        new int[] {1, 2},
        new float[] {2 / 3f, 1 / 3f});
  }

  /**
   * Four groups of two with p = ½ everywhere but where the logit is ±ln 3 (¾, ¼). Choices by group:
   * ½+0.1, ½ | ¾, ¼ | ½, ½+0.3 | ¼, ¼: scores 1.1, 1, 1.3, ½. Groups 0 and 2 stay, so the best
   * expert of all (p = ¾) may not be chosen. Weights are of p without bias, ½ each.
   */
  @ParameterizedTest
  @ValueSource(strings = {"reference", "cpu"})
  void deepSeek(String provider) {
    float ln3 = (float) Math.log(3);
    assertRoute(
        provider,
        RouteSpec.deepSeek(1, 8, 3, 4, 2, 2.5f),
        new float[] {0, 0, ln3, -ln3, 0, 0, -ln3, -ln3},
        new float[] {0.1f, 0, 0, 0, 0, 0.3f, 0, 0},
        new int[] {5, 0, 1},
        new float[] {2.5f / 3, 2.5f / 3, 2.5f / 3});
  }

  @ParameterizedTest
  @ValueSource(strings = {"reference", "cpu"})
  void tiesGoToTheLowerIndex(String provider) {
    RouteSpec spec = plain(Scoring.SIGMOID, 20, 4);
    float[] logits = new float[20];
    for (int e = 0; e < 20; e++) {
      logits[e] = e % 2 == 0 ? -0f : 0f;
    }
    logits[18] = 1;
    float best = 1 / (1 + (float) Math.exp(-1));
    assertRoute(
        provider,
        spec,
        logits,
        null,
        new int[] {18, 0, 1, 2},
        new float[] {best, 0.5f, 0.5f, 0.5f});
  }

  /** Logits above 17 have probability 1 in F32: the larger one has no advantage. */
  @ParameterizedTest
  @ValueSource(strings = {"reference", "cpu"})
  void probabilitiesDecideAndNotLogits(String provider) {
    assertRoute(
        provider,
        plain(Scoring.SIGMOID, 3, 2),
        new float[] {20, 90, INF},
        null,
        new int[] {0, 1},
        new float[] {1, 1});
  }

  @ParameterizedTest
  @ValueSource(strings = {"reference", "cpu"})
  void nanLogitIsTheLastChoiceOfSigmoid(String provider) {
    assertRoute(
        provider,
        plain(Scoring.SIGMOID, 4, 4),
        new float[] {NAN, -INF, 0, NAN},
        null,
        new int[] {2, 1, 0, 3},
        new float[] {0.5f, 0, NAN, NAN});
  }

  @ParameterizedTest
  @ValueSource(strings = {"reference", "cpu"})
  void nanLogitMakesSoftmaxNan(String provider) {
    assertRoute(
        provider,
        RouteSpec.mixtral(1, 4, 2),
        new float[] {0, 1, NAN, 5},
        null,
        new int[] {0, 1},
        new float[] {NAN, NAN});
  }

  @ParameterizedTest
  @ValueSource(strings = {"reference", "cpu"})
  void maskedExpertsComeLastInOrder(String provider) {
    assertRoute(
        provider,
        RouteSpec.mixtral(1, 5, 3),
        new float[] {-INF, -INF, -INF, 7, -INF},
        null,
        new int[] {3, 0, 1},
        new float[] {1, 0, 0});
  }

  @ParameterizedTest
  @ValueSource(strings = {"reference", "cpu"})
  void nanBiasExcludesFromChoiceOnly(String provider) {
    assertRoute(
        provider,
        new RouteSpec(1, 2, 2, Scoring.SIGMOID, true, 1, 1, false, 1),
        new float[] {0, 0},
        new float[] {NAN, -9},
        new int[] {1, 0},
        new float[] {0.5f, 0.5f});
  }

  @Test
  void sameBitsForAnyThreadsAndBatch() {
    RouteSpec spec = RouteSpec.deepSeek(300, 160, 6, 8, 3, 1);
    CaseRandom random = new CaseRandom(SEED);
    Tensor logits = Tensor.wrap(random.normals(300 * 160, 2), 300, 160);
    Tensor bias = Tensor.wrap(random.normals(160, 0.1f), 160);
    Repeats.assertSameBits(
        (device, from, to) -> {
          Tensor ids = Tensor.wrap(new int[(to - from) * 6], to - from, 6);
          Tensor weights = Tensor.wrap(new float[(to - from) * 6], to - from, 6);
          try (Route route = device.moe().route(spec)) {
            route.run(logits.slice(from, to), bias, ids, weights);
          }
          return weights;
        },
        300);
  }

  @Test
  void runAllocatesNothing() {
    RouteSpec spec = RouteSpec.deepSeek(4, 256, 8, 8, 4, 1);
    Tensor logits = Tensor.wrap(new CaseRandom(SEED).normals(4 * 256, 2), 4, 256);
    Tensor bias = Tensor.wrap(new float[256], 256);
    Tensor ids = Tensor.wrap(new int[32], 4, 8);
    Tensor weights = Tensor.wrap(new float[32], 4, 8);
    try (KernelDevice device = open("cpu", 1);
        Route route = device.moe().route(spec)) {
      Repeats.assertNoAllocation(() -> route.run(logits, bias, ids, weights));
    }
  }

  private static RouteSpec plain(Scoring scoring, int experts, int topK) {
    return new RouteSpec(1, experts, topK, scoring, false, 1, 1, false, 1);
  }

  private static void assertRoute(
      String provider,
      RouteSpec spec,
      float[] logits,
      float @Nullable [] bias,
      int[] expectedIds,
      float[] expectedWeights) {
    Tensor ids = Tensor.wrap(new int[spec.topK()], 1, spec.topK());
    Tensor weights = Tensor.wrap(new float[spec.topK()], 1, spec.topK());
    try (KernelDevice device = open(provider, 1);
        Route route = device.moe().route(spec)) {
      route.run(
          Tensor.wrap(logits, 1, spec.experts()),
          bias == null ? null : Tensor.wrap(bias, spec.experts()),
          ids,
          weights);
    }
    assertArrayEquals(expectedIds, ids.toInts());
    // The logits ln 2 and ln 3 are rounded.
    assertArrayEquals(expectedWeights, weights.toFloats(), 3e-7f);
  }
}
