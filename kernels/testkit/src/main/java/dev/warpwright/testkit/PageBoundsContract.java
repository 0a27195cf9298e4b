package dev.warpwright.testkit;

import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.KernelDevice;
import dev.warpwright.kernels.KernelId;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.attention.KvPool;
import dev.warpwright.kernels.attention.KvPoolSpec;
import dev.warpwright.kernels.attention.PageBounds;
import dev.warpwright.kernels.attention.PageBoundsSpec;
import dev.warpwright.kernels.attention.PageBoundsSpec.Scope;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** Cases of {@link PageBounds}: all bits compared, those of pages that are not looked at too. */
public final class PageBoundsContract implements KernelContract {
  /** Called by {@link Contracts}. */
  public PageBoundsContract() {}

  @Override
  public KernelId kernel() {
    return KernelId.PAGE_BOUNDS;
  }

  private static Case drawn(DType dtype, int pageSize, Scope scope, int... lengths) {
    return new Case(SlotCases.plan(dtype, pageSize, false, lengths), scope, 3);
  }

  @Override
  public List<Case> extremes() {
    return List.of(
        drawn(DType.F32, 16, Scope.ALL_TOKENS),
        drawn(DType.F32, 16, Scope.ALL_TOKENS, 0, 1, 15, 16, 17),
        drawn(DType.F32, 16, Scope.NEW_TOKENS, 0, 1, 15, 16, 17, 33),
        drawn(DType.F16, 5, Scope.ALL_TOKENS, 40),
        drawn(DType.F16, 1, Scope.NEW_TOKENS, 9),
        drawn(DType.F32, 128, Scope.ALL_TOKENS, 300));
  }

  @Override
  public List<Case> optional() {
    return CaseCache.NARROW.stream()
        .map(dtype -> drawn(dtype, 16, Scope.ALL_TOKENS, 0, 1, 16, 40))
        .toList();
  }

  @Override
  public List<Case> sweep(int strength) {
    List<Case> cases = new ArrayList<>();
    for (AttentionSweep s : AttentionSweep.unshared(strength, 1)) {
      CaseRandom random = new CaseRandom(s.seed());
      cases.add(new Case(s.plan(), random.oneOf(Scope.values()), s.seed()));
    }
    return cases;
  }

  @Override
  public Case random(CaseRandom random) {
    return new Case(SlotCases.random(random), random.oneOf(Scope.values()), random.seed());
  }

  /**
   * One input.
   *
   * @param plan the cache
   * @param scope which pages
   * @param seed of pages and values
   */
  public record Case(CaseCache.Plan plan, Scope scope, long seed) implements ContractCase {
    @Override
    public PageBoundsSpec spec() {
      return spec(CaseAttention.onePage(plan));
    }

    private PageBoundsSpec spec(KvPoolSpec pool) {
      return new PageBoundsSpec(plan.heads(), pool, plan.maxRequests(), scope);
    }

    @Override
    public double run(KernelDevice reference, KernelDevice device) {
      CaseRandom random = new CaseRandom(seed);
      CaseCache cache = new CaseCache(random, plan);
      int headDim = plan.heads().headDim();
      int pages = cache.spec().headPages();
      try (CaseMemory memory = new CaseMemory(random);
          KvPool expected = cache.load(reference, memory);
          KvPool actual = cache.load(device, memory);
          PageBounds want = reference.attention().pageBounds(spec(cache.spec()), expected);
          PageBounds got = device.attention().pageBounds(spec(cache.spec()), actual)) {
        want.update(cache.tables());
        got.update(cache.tables());
        Tensor first = memory.output("expected", DType.F32, pages, 2, headDim);
        Tensor second = memory.output("bounds", DType.F32, pages, 2, headDim);
        float[] before = new float[pages * 2 * headDim];
        Arrays.fill(before, 7);
        Tensor sevens = Tensor.wrap(before, pages, 2, headDim);
        reference.copy(sevens, first);
        device.copy(sevens, second);
        for (int layer = 0; layer < plan.heads().layers(); layer++) {
          want.run(layer, first);
          got.run(layer, second);
        }
        device.synchronize();
        memory.check();
        cache.compare(expected, actual, memory, Tolerance.BITS);
        return Compare.floats("bounds", first, second, Tolerance.BITS);
      }
    }
  }
}
