package dev.warpwright.testkit;

import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.KernelDevice;
import dev.warpwright.kernels.KernelId;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.moe.Combine;
import dev.warpwright.kernels.moe.CombineSpec;
import java.util.Arrays;
import java.util.List;

/** Cases of {@link Combine}. Rows of h that no slot names are NaN. */
public final class CombineContract implements KernelContract {
  /** The contract. */
  public CombineContract() {}

  @Override
  public KernelId kernel() {
    return KernelId.COMBINE;
  }

  @Override
  public List<ContractCase> extremes() {
    return List.of(
        new CombineCase(new CombineSpec(4, 2, 8), 0, 0, 1),
        new CombineCase(new CombineSpec(1, 1, 1), 1, 0, 2),
        new CombineCase(new CombineSpec(1, 8, 2048), 1, 0, 3),
        new CombineCase(new CombineSpec(33, 4, 127), 33, 0.2, 4),
        new CombineCase(new CombineSpec(33, 4, 65), 33, 1, 5),
        new CombineCase(new CombineSpec(256, 16, 61), 256, 0.1, 6),
        new CombineCase(new CombineSpec(1024, 2, 33), 1024, 0, 7));
  }

  @Override
  public ContractCase random(CaseRandom random) {
    int maxTokens = random.size(1, 64);
    CombineSpec spec = new CombineSpec(maxTokens, random.size(1, 16), random.size(1, 257));
    return new CombineCase(
        spec, random.between(0, maxTokens), random.oneOf(0.0, 0.1, 0.9), random.bits());
  }

  /**
   * One case.
   *
   * @param dropped share of choices without a slot
   */
  private record CombineCase(CombineSpec spec, int tokens, double dropped, long seed)
      implements ContractCase {
    /** Slots that no choice has. */
    private static final int SPARE = 3;

    CombineCase {
      spec = spec.withMaxSlots(spec.maxSlots() + SPARE);
    }

    @Override
    public double run(KernelDevice reference, KernelDevice device) {
      CaseRandom random = new CaseRandom(seed);
      int k = spec.topK();
      int columns = spec.columns();
      try (CaseMemory memory = new CaseMemory(random)) {
        int[] slots = Arrays.copyOf(random.permutation(tokens * k + SPARE), tokens * k);
        float[] h = new float[(tokens * k + SPARE) * columns];
        Arrays.fill(h, Float.NaN);
        for (int f = 0; f < slots.length; f++) {
          if (random.chance(dropped)) {
            slots[f] = -1;
          } else {
            System.arraycopy(random.normals(columns, 1), 0, h, slots[f] * columns, columns);
          }
        }
        float[] w = random.normals(tokens * k, 0.5f);
        Tensor results = memory.input("h", h, tokens * k + SPARE, columns);
        Tensor places = memory.input("slots", slots, tokens, k);
        Tensor weights = memory.input("weights", w, tokens, k);
        Tensor expected = memory.output("y", DType.F32, tokens, columns);
        Tensor actual = memory.output("y", DType.F32, tokens, columns);
        combine(reference, results, places, weights, expected);
        combine(device, results, places, weights, actual);
        memory.check();
        // k roundings of a sum of k products, each of a size below 20 (0.5 · 4σ times 1 · 5σ).
        return Compare.floats("y", expected, actual, new Tolerance(k * 20 * k * 0x1p-24, 0x1p-23));
      }
    }

    private void combine(KernelDevice device, Tensor h, Tensor slots, Tensor weights, Tensor y) {
      try (Combine combine = device.moe().combine(spec)) {
        combine.run(h, slots, weights, y);
        device.synchronize();
      }
    }
  }
}
