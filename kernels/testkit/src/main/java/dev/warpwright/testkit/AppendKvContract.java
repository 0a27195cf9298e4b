package dev.warpwright.testkit;

import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.KernelDevice;
import dev.warpwright.kernels.KernelId;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.attention.AppendKv;
import dev.warpwright.kernels.attention.AppendKvSpec;
import dev.warpwright.kernels.attention.Heads;
import dev.warpwright.kernels.attention.KvPool;
import dev.warpwright.kernels.attention.KvPoolSpec;
import dev.warpwright.kernels.attention.Rope;
import java.util.ArrayList;
import java.util.List;

/** Cases of {@link AppendKv}: afterwards the whole pool is compared, not just what was written. */
public final class AppendKvContract implements KernelContract {
  /** Called by {@link Contracts}. */
  public AppendKvContract() {}

  @Override
  public KernelId kernel() {
    return KernelId.APPEND_KV;
  }

  private static Case drawn(
      Heads heads, DType dtype, int pageSize, int[] lengths, int[] tokens, Rope rope, long seed) {
    return new Case(
        new CaseCache.Plan(
            heads,
            dtype,
            pageSize,
            CaseCache.list(lengths),
            CaseCache.list(tokens),
            false,
            false,
            CaseCache.Order.NATURAL,
            1),
        rope,
        1,
        seed);
  }

  @Override
  public List<Case> extremes() {
    Heads heads = new Heads(2, 6, 3, 16);
    Rope half = Rope.rotateHalf(16, 10_000);
    return List.of(
        drawn(heads, DType.F32, 16, new int[] {}, new int[] {}, half, 1),
        drawn(heads, DType.F32, 16, new int[] {5}, new int[] {0}, half, 2),
        drawn(heads, DType.F32, 16, new int[] {1, 16, 17}, new int[] {1, 1, 1}, half, 3),
        drawn(heads, DType.F16, 16, new int[] {15, 33, 0}, new int[] {15, 20, 0}, half, 4),
        drawn(
            heads, DType.F32, 1, new int[] {3, 7}, new int[] {3, 2}, Rope.interleaved(16, 1e4), 5),
        drawn(heads, DType.F16, 7, new int[] {20, 8}, new int[] {20, 1}, Rope.NONE, 6),
        drawn(
            heads,
            DType.F32,
            128,
            new int[] {129, 127},
            new int[] {2, 127},
            new Rope(Rope.Style.ROTATE_HALF, 6, 500),
            7),
        // Angles far from zero, where sines in float would be wrong.
        drawn(
            new Heads(1, 1, 1, 256),
            DType.F32,
            32,
            new int[] {3000},
            new int[] {9},
            Rope.rotateHalf(256, 1e6),
            8),
        // Infinite in F16.
        new Case(
            new CaseCache.Plan(
                heads,
                DType.F16,
                16,
                CaseCache.list(20),
                CaseCache.list(20),
                false,
                false,
                CaseCache.Order.NATURAL,
                1),
            half,
            1e5f,
            9));
  }

  @Override
  public List<Case> optional() {
    Heads heads = new Heads(2, 6, 3, 24);
    Rope half = Rope.rotateHalf(24, 10_000);
    List<Case> cases = new ArrayList<>();
    for (DType dtype : CaseCache.NARROW) {
      cases.add(drawn(heads, dtype, 16, new int[] {1, 16, 17}, new int[] {1, 16, 3}, half, 3));
      cases.add(drawn(heads, dtype, 7, new int[] {20, 8}, new int[] {20, 1}, Rope.NONE, 6));
    }
    return cases;
  }

  @Override
  public List<Case> sweep(int strength) {
    List<Case> cases = new ArrayList<>();
    for (AttentionSweep s : AttentionSweep.unshared(strength, 37)) {
      cases.add(new Case(s.plan(), s.rope(), 1, s.seed()));
    }
    return cases;
  }

  @Override
  public Case random(CaseRandom random) {
    int requests = random.between(1, 4);
    int[] lengths = new int[requests];
    int[] tokens = new int[requests];
    for (int i = 0; i < requests; i++) {
      lengths[i] = random.size(0, 200);
      tokens[i] = random.chance(0.5) ? Math.min(1, lengths[i]) : random.between(0, lengths[i]);
    }
    int headDim = 8 * random.size(1, 32);
    Rope rope =
        switch (random.between(0, 3)) {
          case 0 -> Rope.NONE;
          case 1 -> Rope.rotateHalf(headDim, 1e4);
          case 2 -> Rope.interleaved(headDim, 5e5);
          default ->
              new Rope(
                  random.oneOf(Rope.Style.ROTATE_HALF, Rope.Style.INTERLEAVED),
                  2 * random.between(1, headDim / 2),
                  1e4);
        };
    return new Case(
        new CaseCache.Plan(
            new Heads(random.between(1, 2), 4, random.oneOf(1, 2, 4), headDim),
            random.oneOf(DType.F32, DType.F16),
            random.size(1, 128),
            CaseCache.list(lengths),
            CaseCache.list(tokens),
            random.chance(0.5),
            false,
            CaseCache.Order.NATURAL,
            1),
        rope,
        random.oneOf(1e-6f, 1f, 100f),
        random.seed());
  }

  /**
   * One input.
   *
   * @param plan the cache before
   * @param rope rotation
   * @param deviation of the new keys and values
   * @param seed of pages and values
   */
  public record Case(CaseCache.Plan plan, Rope rope, float deviation, long seed)
      implements ContractCase {
    @Override
    public AppendKvSpec spec() {
      return spec(new KvPoolSpec(1, plan.pageSize(), plan.heads().headDim(), plan.dtype()));
    }

    private AppendKvSpec spec(KvPoolSpec pool) {
      return new AppendKvSpec(plan.heads(), pool, Math.max(8, plan.lengths().size()), 4096, rope);
    }

    @Override
    public double run(KernelDevice reference, KernelDevice device) {
      CaseRandom random = new CaseRandom(seed);
      CaseCache cache = new CaseCache(random, plan);
      try (CaseMemory memory = new CaseMemory(random);
          KvPool expected = cache.load(reference, memory);
          KvPool actual = cache.load(device, memory);
          AppendKv want = reference.attention().appendKv(spec(cache.spec()), expected);
          AppendKv got = device.attention().appendKv(spec(cache.spec()), actual)) {
        want.update(cache.tables());
        got.update(cache.tables());
        int tokens = cache.tables().tokens();
        int kvHeads = plan.heads().kvHeads();
        int headDim = plan.heads().headDim();
        double largest = 0;
        for (int layer = 0; layer < plan.heads().layers(); layer++) {
          float[] keys = random.normals(tokens * kvHeads * headDim, deviation);
          for (float key : keys) {
            largest = Math.max(largest, Math.abs(key));
          }
          Tensor k = memory.input("k", keys, tokens, kvHeads, headDim);
          Tensor v =
              memory.input(
                  "v",
                  random.normals(tokens * kvHeads * headDim, deviation),
                  tokens,
                  kvHeads,
                  headDim);
          want.run(layer, k, v);
          got.run(layer, k, v);
        }
        memory.check();
        return cache.compare(expected, actual, memory, CaseCache.rotated(plan.dtype(), largest));
      }
    }

    @Override
    public String toString() {
      return plan + ", " + rope + ", new of deviation " + deviation + ", seed " + seed;
    }
  }
}
