package dev.warpwright.cuda.attention;

import static dev.warpwright.cuda.attention.AttentionCudaCostTest.cache;
import static dev.warpwright.cuda.attention.AttentionCudaCostTest.rope;
import static dev.warpwright.cuda.attention.AttentionCudaCostTest.rotationBytes;
import static dev.warpwright.cuda.attention.AttentionCudaCostTest.slotBytes;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.warpwright.cuda.CostCard;
import dev.warpwright.cuda.CudaTest;
import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.DeviceTensor;
import dev.warpwright.kernels.KernelDevice;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.attention.AttentionBias;
import dev.warpwright.kernels.attention.Heads;
import dev.warpwright.kernels.attention.KvPool;
import dev.warpwright.kernels.attention.Masking;
import dev.warpwright.kernels.attention.PagedDecode;
import dev.warpwright.kernels.attention.PagedDecodeSpec;
import dev.warpwright.kernels.attention.ScoreReduction;
import dev.warpwright.kernels.attention.WindowScores;
import dev.warpwright.kernels.attention.WindowScoresSpec;
import dev.warpwright.kernels.attention.WindowStatistics;
import dev.warpwright.softgpu.SoftGpu;
import dev.warpwright.testkit.CaseCache;
import dev.warpwright.testkit.CaseMemory;
import dev.warpwright.testkit.CaseRandom;
import dev.warpwright.testkit.ContractTest;
import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What scores cost. */
@CudaTest
class ScoresCudaCostTest {
  /** Bytes of a logit that is kept for each query head: written, and read again. */
  private static final int KEPT = 2 * Float.BYTES;

  private record Sizes(Heads heads, CaseCache cache, int requests) {
    Sizes(DType dtype, int headDim, int group) {
      Heads heads = new Heads(1, 2 * group, 2, headDim);
      this(
          heads,
          AttentionCudaCostTest.cache(heads, dtype, 16, List.of(600, 200), List.of(1, 1)),
          2);
    }

    long slots() {
      return cache.tables().slots(0);
    }
  }

  private static CostCard decode(Sizes sizes, ScoreReduction scores, SoftGpu gpu) {
    Heads heads = sizes.heads;
    CaseCache cache = sizes.cache;
    PagedDecodeSpec spec =
        PagedDecodeSpec.causal(heads, cache.spec(), sizes.requests, 4096, rope(heads))
            .withScores(scores);
    try (CaseMemory memory = new CaseMemory(new CaseRandom(2));
        KernelDevice device = ContractTest.open("cuda", 1);
        KvPool pool = cache.load(device, memory);
        DeviceTensor q =
            device.allocate(DType.F32, sizes.requests, heads.queryHeads(), heads.headDim());
        DeviceTensor out =
            device.allocate(DType.F32, sizes.requests, heads.queryHeads(), heads.headDim());
        DeviceTensor lse = device.allocate(DType.F32, sizes.requests, heads.queryHeads());
        DeviceTensor to = device.allocate(DType.F32, sizes.slots());
        PagedDecode plan = device.attention().pagedDecode(spec, pool)) {
      plan.update(cache.tables());
      Tensor wanted = scores == ScoreReduction.NONE ? null : to.tensor();
      return CostCard.of(
          gpu,
          device,
          () -> plan.run(0, q.tensor(), AttentionBias.NONE, out.tensor(), lse.tensor(), wanted));
    }
  }

  /** Beside keys and values logits go out and in, and a score goes out. */
  @ParameterizedTest
  @CsvSource({
    "F16, 128, 4",
    "F16, 64, 1",
    "F32, 128, 3",
    "F16, 128, 8",
    "F16, 256, 2",
    "F16, 128, 20",
    "I8, 128, 4"
  })
  void scoresCostTheirLogits(DType dtype, int headDim, int group, SoftGpu gpu) {
    Sizes sizes = new Sizes(dtype, headDim, group);
    CostCard with = decode(sizes, ScoreReduction.SUM, gpu);
    long without = decode(sizes, ScoreReduction.NONE, gpu).uniqueBytes();
    double more = (double) (with.uniqueBytes() - without) / without;
    double most = (KEPT * group + 8.0) / (2 * headDim * dtype.bytes()) + 0.01;
    assertTrue(more <= most, () -> more + " more, at most " + most);
    long rows = sizes.requests * (long) sizes.heads.queryHeads();
    with.assertCosts(
        "paged_decode",
        "with scores",
        slotBytes(sizes.cache)
            + rotationBytes(sizes.heads, sizes.requests)
            + rows * (2L * headDim + 1) * Float.BYTES
            + sizes.slots() * (KEPT * group + Float.BYTES));
  }

  /** Keys are read once, values not at all; blocks ask for the queries again. */
  @ParameterizedTest
  @CsvSource({
    "F16, 128, 4, 32",
    "F16, 64, 2, 20",
    "F32, 128, 1, 32",
    "F16, 256, 1, 16",
    "I8, 128, 4, 32"
  })
  void windowReadsKeysOnce(DType dtype, int headDim, int group, int window, SoftGpu gpu) {
    int tokens = window + 10;
    Heads heads = new Heads(1, group, 1, headDim);
    CaseCache cache = cache(heads, dtype, 16, List.of(500), List.of(tokens));
    WindowScoresSpec spec =
        new WindowScoresSpec(
            heads,
            cache.spec(),
            1,
            tokens,
            4096,
            window,
            rope(heads),
            0.1f,
            Masking.CAUSAL,
            ScoreReduction.SUM);
    long slots = cache.tables().slots(0);
    try (CaseMemory memory = new CaseMemory(new CaseRandom(2));
        KernelDevice device = ContractTest.open("cuda", 1);
        KvPool pool = cache.load(device, memory);
        DeviceTensor q = device.allocate(DType.F32, tokens, group, headDim);
        DeviceTensor lse = device.allocate(DType.F32, tokens, group);
        DeviceTensor mean = device.allocate(DType.F32, slots);
        DeviceTensor variance = device.allocate(DType.F32, slots);
        WindowScores plan = device.attention().windowScores(spec, pool)) {
      plan.update(cache.tables());
      WindowStatistics results = new WindowStatistics(null, mean.tensor(), variance.tensor(), null);
      CostCard cost =
          CostCard.of(
              gpu,
              device,
              () -> plan.run(0, q.tensor(), AttentionBias.NONE, lse.tensor(), results));
      long values = slots * headDim * dtype.bytes();
      long observed = (long) window * group * (headDim + 1L) * Float.BYTES;
      cost.assertCosts(
          "window_scores",
          dtype.bytes() == 1 ? "codes" : "",
          slotBytes(cache)
              - values
              + observed
              + rotationBytes(heads, window)
              + 2 * slots * Float.BYTES);
    }
  }
}
