package dev.warpwright.testkit;

import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.attention.AttentionBias;
import dev.warpwright.kernels.attention.Heads;
import dev.warpwright.kernels.attention.KvPool;
import dev.warpwright.kernels.attention.KvPoolSpec;
import dev.warpwright.kernels.attention.Masking;
import dev.warpwright.kernels.attention.Rope;
import dev.warpwright.kernels.attention.SlotArray;
import org.jspecify.annotations.Nullable;

/** What cases of attention over pages have in common: queries, outputs and their tolerance. */
final class CaseAttention {
  private static final double EPSILON = 0x1p-24;
  private static final float LARGEST_SLOT_BIAS = 3;

  private final CaseCache cache;
  private final Heads heads;
  private final int tokens;
  private final Tensor q;
  private final Tensor expected;
  private final Tensor expectedLse;
  private final Tensor actual;
  private final Tensor actualLse;
  private final double largestQuery;
  private final AttentionBias bias;
  private double largestSlope;
  private final double largestSlotBias;

  CaseAttention(
      CaseCache cache,
      Heads heads,
      Masking masking,
      float deviation,
      CaseRandom random,
      CaseMemory memory) {
    this.cache = cache;
    this.heads = heads;
    this.tokens = cache.tables().tokens();
    float[] values = random.normals(tokens * heads.queryHeads() * heads.headDim(), deviation);
    double most = 0;
    for (int from = 0; from < values.length; from += heads.headDim()) {
      double norm = 0;
      for (int dim = 0; dim < heads.headDim(); dim++) {
        norm += (double) values[from + dim] * values[from + dim];
      }
      most = Math.max(most, Math.sqrt(norm));
    }
    largestQuery = most;
    largestSlotBias = masking.slotBias() ? LARGEST_SLOT_BIAS : 0;
    q = memory.input("q", values, tokens, heads.queryHeads(), heads.headDim());
    expected = memory.output("expected", DType.F32, tokens, heads.queryHeads(), heads.headDim());
    actual = memory.output("out", DType.F32, tokens, heads.queryHeads(), heads.headDim());
    expectedLse = memory.output("expected lse", DType.F32, tokens, heads.queryHeads());
    actualLse = memory.output("lse", DType.F32, tokens, heads.queryHeads());
    bias =
        new AttentionBias(
            masking.alibi() ? slopes(random, memory) : null,
            masking.sinkLogits() ? sinks(random, memory) : null);
  }

  private Tensor slopes(CaseRandom random, CaseMemory memory) {
    float[] slopes = random.normals(heads.queryHeads(), 0.1f);
    for (float slope : slopes) {
      largestSlope = Math.max(largestSlope, Math.abs(slope));
    }
    return memory.input("slopes", slopes, slopes.length);
  }

  /** Sinks beside, far above and far below the other logits, and none. */
  private Tensor sinks(CaseRandom random, CaseMemory memory) {
    float[] sinks = new float[heads.queryHeads()];
    for (int head = 0; head < sinks.length; head++) {
      sinks[head] = random.oneOf(random.normal(), 5f, 1000f, -1000f, Float.NEGATIVE_INFINITY);
    }
    return memory.input("sinks", sinks, sinks.length);
  }

  /** Numbers beside the slots of a pool, the same for each pool; null unless they are asked for. */
  static @Nullable SlotArray slotBias(Masking masking, KvPool pool) {
    if (!masking.slotBias()) {
      return null;
    }
    SlotArray array = pool.attach("bias", 1, 0);
    Tensor all = array.tensor();
    float[] numbers = new float[(int) all.elements()];
    for (int i = 0; i < numbers.length; i++) {
      numbers[i] = LARGEST_SLOT_BIAS * (i % 13 - 6) / 6;
    }
    pool.device().copy(Tensor.wrap(numbers, all.size(0), all.size(1), 1), all);
    return array;
  }

  /** A random rotation of heads of {@code headDim}. */
  static Rope rope(CaseRandom random, int headDim) {
    return random.oneOf(
        Rope.NONE, Rope.rotateHalf(headDim, 1e4), new Rope(Rope.Style.INTERLEAVED, 8, 5e5));
  }

  /** Random masks: half of them causal and nothing else. */
  static Masking masking(CaseRandom random) {
    Masking mixed =
        new Masking(
            random.chance(0.7),
            random.size(-1, 100),
            random.oneOf(0f, 30f),
            random.chance(0.3),
            random.chance(0.3));
    return random.oneOf(Masking.CAUSAL, Masking.CAUSAL, Masking.NONE, mixed);
  }

  Tensor q() {
    return q;
  }

  AttentionBias bias() {
    return bias;
  }

  AttentionBias bias(@Nullable SlotArray slots) {
    return slots == null ? bias : bias.withSlotBias(slots);
  }

  Tensor expected() {
    return expected;
  }

  Tensor expectedLse() {
    return expectedLse;
  }

  Tensor actual() {
    return actual;
  }

  Tensor actualLse() {
    return actualLse;
  }

  /**
   * Compares outputs and log-sum-exps.
   *
   * <p>A logit errs by the roundings of rotation and scale and of a sum of headDim products: some
   * √headDim units of |q|·|k|·scale, the most it can be, and of three of the bias. A weight errs by
   * as much relatively, and an output by that times the largest value, plus the roundings of a sum
   * over the slots.
   */
  double compare(float scale) {
    Tolerance outTolerance = new Tolerance(weightError(scale) * cache.largestValue(), 0);
    Tolerance lseTolerance = new Tolerance(logitError(scale) + sumError(), 4 * EPSILON);
    return Math.max(
        Compare.floats("lse", expectedLse, actualLse, lseTolerance),
        Compare.floats("out", expected, actual, outTolerance));
  }

  /** How far a logit may err. */
  double logitError(float scale) {
    double distance = Math.max(cache.largestPosition(), cache.tables().maxLength());
    return EPSILON
        * ((6 + 2 * Math.sqrt(heads.headDim())) * largestQuery * cache.largestKey() * scale
            + 3 * largestSlope * distance
            + 3 * largestSlotBias);
  }

  /** How far a probability may err relatively. */
  double weightError(float scale) {
    return 2 * logitError(scale) + sumError();
  }

  private double sumError() {
    return EPSILON * (16 + 2 * Math.sqrt(cache.tables().maxLength()));
  }

  /** The spec of a case's pool before its pages are counted. */
  static KvPoolSpec onePage(CaseCache.Plan plan) {
    return new KvPoolSpec(1, plan.pageSize(), plan.heads().headDim(), plan.dtype());
  }
}
