package dev.warpwright.testkit;

import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.KernelDevice;
import dev.warpwright.kernels.KernelId;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.attention.Heads;
import dev.warpwright.kernels.attention.KvPool;
import dev.warpwright.kernels.attention.KvPoolSpec;
import dev.warpwright.kernels.attention.PageTables;
import dev.warpwright.kernels.attention.RerotateKeys;
import dev.warpwright.kernels.attention.RerotateKeysSpec;
import dev.warpwright.kernels.attention.Rope;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;

/** Cases of {@link RerotateKeys}: afterwards the whole pool is compared. */
public final class RerotateKeysContract implements KernelContract {
  /** Called by {@link Contracts}. */
  public RerotateKeysContract() {}

  @Override
  public KernelId kernel() {
    return KernelId.REROTATE_KEYS;
  }

  /** Where slots go. */
  public enum Target {
    /** They stay, and so do all bits. */
    SAME,
    /** A few positions on. */
    LATER,
    /** Towards zero, as far as the first goes. */
    EARLIER,
    /** To the numbers of their slots. */
    SLOTS,
    /** Anywhere, very far too. */
    ANYWHERE
  }

  private static Case drawn(
      Rope rope, int headDim, DType dtype, int pageSize, Target target, int... lengths) {
    CaseCache.Plan plan =
        new CaseCache.Plan(
            new Heads(2, 4, 2, headDim),
            dtype,
            pageSize,
            CaseCache.list(lengths),
            Collections.nCopies(lengths.length, 0),
            false,
            false,
            CaseCache.Order.GAPS,
            1);
    return new Case(plan, rope, target, 7);
  }

  @Override
  public List<Case> extremes() {
    Rope half = Rope.rotateHalf(16, 1e4);
    return List.of(
        drawn(half, 16, DType.F32, 16, Target.LATER),
        drawn(half, 16, DType.F32, 16, Target.SAME, 40, 0, 1),
        drawn(half, 16, DType.F32, 16, Target.LATER, 0, 1, 16, 17),
        drawn(half, 16, DType.F16, 16, Target.EARLIER, 33),
        drawn(Rope.interleaved(24, 5e5), 24, DType.F16, 5, Target.SLOTS, 40, 3),
        drawn(new Rope(Rope.Style.ROTATE_HALF, 6, 500), 16, DType.F32, 1, Target.SLOTS, 9),
        drawn(new Rope(Rope.Style.INTERLEAVED, 8, 500), 16, DType.F16, 32, Target.ANYWHERE, 70),
        drawn(Rope.NONE, 8, DType.F32, 128, Target.ANYWHERE, 130),
        drawn(Rope.rotateHalf(256, 1e6), 256, DType.F32, 16, Target.ANYWHERE, 20));
  }

  @Override
  public List<Case> optional() {
    List<Case> cases = new ArrayList<>();
    for (DType dtype : CaseCache.NARROW) {
      cases.add(drawn(Rope.rotateHalf(16, 1e4), 16, dtype, 16, Target.LATER, 33, 2));
      cases.add(drawn(Rope.interleaved(24, 1e4), 24, dtype, 5, Target.ANYWHERE, 20));
      // A new scale holds for the elements that are not rotated, too.
      cases.add(drawn(new Rope(Rope.Style.ROTATE_HALF, 8, 500), 16, dtype, 16, Target.LATER, 40));
    }
    return cases;
  }

  @Override
  public List<Case> sweep(int strength) {
    List<Case> cases = new ArrayList<>();
    for (AttentionSweep s : AttentionSweep.unshared(strength, 1)) {
      CaseRandom random = new CaseRandom(s.seed());
      cases.add(new Case(s.plan(), s.rope(), random.oneOf(Target.values()), s.seed()));
    }
    return cases;
  }

  @Override
  public Case random(CaseRandom random) {
    CaseCache.Plan plan = SlotCases.random(random);
    return new Case(
        plan,
        CaseAttention.rope(random, plan.heads().headDim()),
        random.oneOf(Target.values()),
        random.seed());
  }

  /**
   * One input.
   *
   * @param plan the cache before
   * @param rope rotation
   * @param target where slots go
   * @param seed of pages and values
   */
  public record Case(CaseCache.Plan plan, Rope rope, Target target, long seed)
      implements ContractCase {
    @Override
    public RerotateKeysSpec spec() {
      return spec(CaseAttention.onePage(plan));
    }

    private RerotateKeysSpec spec(KvPoolSpec pool) {
      return new RerotateKeysSpec(plan.heads(), pool, plan.maxRequests(), rope);
    }

    @Override
    public double run(KernelDevice reference, KernelDevice device) {
      CaseRandom random = new CaseRandom(seed);
      CaseCache cache = new CaseCache(random, plan);
      try (CaseMemory memory = new CaseMemory(random);
          KvPool expected = cache.load(reference, memory);
          KvPool actual = cache.load(device, memory);
          RerotateKeys want = reference.attention().rerotateKeys(spec(cache.spec()), expected);
          RerotateKeys got = device.attention().rerotateKeys(spec(cache.spec()), actual)) {
        want.update(cache.tables());
        got.update(cache.tables());
        for (int layer = 0; layer < plan.heads().layers(); layer++) {
          int[] positions = positions(random, cache, layer);
          Tensor to = memory.input("positions", positions, positions.length);
          want.run(layer, to);
          got.run(layer, to);
        }
        device.synchronize();
        memory.check();
        Tolerance tolerance =
            target == Target.SAME
                ? Tolerance.BITS
                : CaseCache.rotated(plan.dtype(), cache.largestKey());
        return cache.compare(expected, actual, memory, tolerance);
      }
    }

    private int[] positions(CaseRandom random, CaseCache cache, int layer) {
      PageTables tables = cache.tables();
      int[] positions = new int[(int) tables.slots(layer)];
      int step = random.between(1, 9);
      for (int row = tables.rowOf(layer, 0, 0); row < tables.rowOf(layer + 1, 0, 0); row++) {
        for (int slot = 0; slot < tables.length(row); slot++) {
          int before = cache.position(row, slot);
          positions[(int) tables.slotStart(row) + slot] =
              switch (target) {
                case SAME -> before;
                case LATER -> before + step;
                case EARLIER -> Math.max(0, before - step);
                case SLOTS -> slot;
                case ANYWHERE -> random.between(0, 1 << random.between(0, 30));
              };
        }
      }
      return positions;
    }
  }
}
