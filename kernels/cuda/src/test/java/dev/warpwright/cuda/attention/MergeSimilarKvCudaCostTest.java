package dev.warpwright.cuda.attention;

import static dev.warpwright.cuda.attention.AttentionCudaCostTest.cache;

import dev.warpwright.cuda.CostCard;
import dev.warpwright.cuda.CudaTest;
import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.DeviceTensor;
import dev.warpwright.kernels.KernelDevice;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.attention.Heads;
import dev.warpwright.kernels.attention.KvPool;
import dev.warpwright.kernels.attention.MergeSimilarKv;
import dev.warpwright.kernels.attention.MergeSimilarKvSpec;
import dev.warpwright.kernels.attention.SlotArray;
import dev.warpwright.softgpu.SoftGpu;
import dev.warpwright.testkit.CaseCache;
import dev.warpwright.testkit.CaseMemory;
import dev.warpwright.testkit.CaseRandom;
import dev.warpwright.testkit.ContractTest;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What merging reads and writes where all slots are in sets of one size. */
@CudaTest
class MergeSimilarKvCudaCostTest {
  private static final int SLOTS = 640;
  private static final int DIM = 128;
  private static final Heads HEADS = new Heads(1, 4, 1, DIM);
  private static final long VECTOR = (long) DIM * DType.F16.bytes();

  private final CaseCache cache = cache(HEADS, DType.F16, 16, List.of(SLOTS), List.of(1));

  /** Keys of a set are along one axis, those of the next along another one. */
  private void fill(KvPool pool, int set) {
    int pages = SLOTS / 16;
    int[] ofRow = IntStream.range(0, pages).map(index -> cache.tables().page(0, index)).toArray();
    Tensor keys = Tensor.wrap(new short[SLOTS * DIM], DType.F16, pages, 16, DIM);
    for (int slot = 0; slot < SLOTS; slot++) {
      keys.setFloat((long) slot * DIM + slot / set % DIM, 1 + slot % set);
    }
    Tensor values = Tensor.wrap(new short[SLOTS * DIM], DType.F16, pages, 16, DIM);
    Tensor positions = Tensor.wrap(IntStream.range(0, SLOTS).toArray(), pages, 16);
    pool.importPages(ofRow, keys, values, positions);
  }

  @ParameterizedTest
  @CsvSource({"1, nothing is similar", "4, sets of 4"})
  void keysAreReadToFindSetsAndToMerge(int set, String situation, SoftGpu gpu) {
    try (CaseMemory memory = new CaseMemory(new CaseRandom(2));
        KernelDevice device = ContractTest.open("cuda", 1);
        KvPool pool = cache.load(device, memory);
        SlotArray counts = pool.attach("counts", 1, 0);
        DeviceTensor scores = device.allocate(DType.F32, SLOTS);
        DeviceTensor kept = device.allocate(DType.I32, SLOTS);
        DeviceTensor lengths = device.allocate(DType.I32, 1, 1);
        MergeSimilarKv plan =
            device
                .attention()
                .mergeSimilarKv(
                    new MergeSimilarKvSpec(HEADS, cache.spec(), 1, 0.5, 0, 0), pool, counts)) {
      fill(pool, set);
      device.copy(Tensor.wrap(new float[SLOTS], SLOTS), scores.tensor());
      plan.update(cache.tables());
      CostCard cost =
          CostCard.of(
              gpu, device, () -> plan.run(0, scores.tensor(), kept.tensor(), lengths.tensor()));
      long found = SLOTS * (VECTOR + 2L * Integer.BYTES) + (SLOTS / 16 + 4L) * Integer.BYTES;
      long read = SLOTS * (VECTOR + 2L * Float.BYTES);
      long written = SLOTS / set * (2 * VECTOR + Float.BYTES);
      cost.assertCosts("merge_similar_kv", situation, set == 1 ? found : found + read + written);
    }
  }
}
