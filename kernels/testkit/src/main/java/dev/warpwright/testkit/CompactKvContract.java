package dev.warpwright.testkit;

import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.KernelDevice;
import dev.warpwright.kernels.KernelId;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.attention.CompactKv;
import dev.warpwright.kernels.attention.CompactKvSpec;
import dev.warpwright.kernels.attention.KvPool;
import dev.warpwright.kernels.attention.KvPoolSpec;
import dev.warpwright.kernels.attention.PageTables;
import dev.warpwright.kernels.attention.SlotArray;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;

/** Cases of {@link CompactKv}: all bits of all pages and of the numbers beside them compared. */
public final class CompactKvContract implements KernelContract {
  /** Called by {@link Contracts}. */
  public CompactKvContract() {}

  @Override
  public KernelId kernel() {
    return KernelId.COMPACT_KV;
  }

  /** Which slots are kept. */
  public enum Kept {
    /** None. */
    NONE,
    /** All: nothing moves, unless pages are fresh. */
    ALL,
    /** The last half. */
    TAIL,
    /** Each with the same chance. */
    RANDOM
  }

  private static Case drawn(DType dtype, int pageSize, Kept kept, boolean fresh, int... lengths) {
    return new Case(SlotCases.plan(dtype, pageSize, false, lengths), kept, fresh, 0.5, 9);
  }

  @Override
  public List<Case> extremes() {
    return List.of(
        drawn(DType.F32, 16, Kept.ALL, false),
        drawn(DType.F32, 16, Kept.ALL, false, 0, 1, 16, 17),
        drawn(DType.F16, 16, Kept.ALL, true, 0, 1, 16, 17),
        drawn(DType.F32, 16, Kept.NONE, false, 40),
        drawn(DType.F16, 16, Kept.TAIL, false, 100, 3),
        drawn(DType.F32, 16, Kept.TAIL, true, 100, 33),
        drawn(DType.F16, 32, Kept.RANDOM, false, 200, 31),
        drawn(DType.F32, 5, Kept.RANDOM, false, 64),
        drawn(DType.F16, 1, Kept.RANDOM, true, 20),
        drawn(DType.F32, 128, Kept.RANDOM, true, 300));
  }

  @Override
  public List<Case> optional() {
    return CaseCache.NARROW.stream()
        .map(dtype -> drawn(dtype, 16, Kept.RANDOM, true, 0, 1, 70))
        .toList();
  }

  @Override
  public List<Case> sweep(int strength) {
    List<Case> cases = new ArrayList<>();
    for (AttentionSweep s : AttentionSweep.unshared(strength, 1)) {
      CaseRandom random = new CaseRandom(s.seed());
      cases.add(new Case(s.plan(), random.oneOf(Kept.values()), random.chance(0.5), 0.5, s.seed()));
    }
    return cases;
  }

  @Override
  public Case random(CaseRandom random) {
    return new Case(
        SlotCases.random(random),
        random.oneOf(Kept.values()),
        random.chance(0.5),
        random.oneOf(0.1, 0.5, 0.9),
        random.seed());
  }

  /**
   * One input.
   *
   * @param plan the cache
   * @param kept which slots are kept
   * @param fresh whether some pages of the new tables are not those of the old ones
   * @param chance of a slot to be kept, if that is random
   * @param seed of pages and choices
   */
  public record Case(CaseCache.Plan plan, Kept kept, boolean fresh, double chance, long seed)
      implements ContractCase {
    @Override
    public CompactKvSpec spec() {
      return spec(CaseAttention.onePage(plan));
    }

    private CompactKvSpec spec(KvPoolSpec pool) {
      return new CompactKvSpec(plan.heads(), pool, plan.maxRequests());
    }

    @Override
    public double run(KernelDevice reference, KernelDevice device) {
      CaseRandom random = new CaseRandom(seed);
      CaseCache cache = new CaseCache(random, plan);
      PageTables from = cache.tables();
      int[][] slots = slots(random, from);
      PageTables to = targets(random, cache, slots);
      try (CaseMemory memory = new CaseMemory(random);
          KvPool expected = cache.load(reference, memory);
          KvPool actual = cache.load(device, memory);
          SlotArray wantOne = numbers(expected, 1);
          SlotArray gotOne = numbers(actual, 1);
          SlotArray wantThree = numbers(expected, 3);
          SlotArray gotThree = numbers(actual, 3);
          CompactKv want = reference.attention().compactKv(spec(cache.spec()), expected);
          CompactKv got = device.attention().compactKv(spec(cache.spec()), actual)) {
        want.update(from, to);
        got.update(from, to);
        for (int layer = 0; layer < plan.heads().layers(); layer++) {
          Tensor given = memory.input("kept", ragged(from, layer, slots), from.slots(layer));
          want.run(layer, given);
          got.run(layer, given);
        }
        device.synchronize();
        memory.check();
        cache.compare(expected, actual, memory, Tolerance.BITS);
        Compare.floats("one", read(reference, wantOne), read(device, gotOne), Tolerance.BITS);
        Compare.floats("three", read(reference, wantThree), read(device, gotThree), Tolerance.BITS);
        return 0;
      }
    }

    /** The kept slots of each row. */
    private int[][] slots(CaseRandom random, PageTables from) {
      int[][] slots = new int[from.rowOf(from.layers(), 0, 0)][];
      for (int row = 0; row < slots.length; row++) {
        int length = from.length(row);
        slots[row] =
            IntStream.range(0, length)
                .filter(
                    slot ->
                        switch (kept) {
                          case NONE -> false;
                          case ALL -> true;
                          case TAIL -> slot >= length / 2;
                          case RANDOM -> random.chance(chance);
                        })
                .toArray();
      }
      return slots;
    }

    /** New tables; pages that no row uses take the place of some. */
    private PageTables targets(CaseRandom random, CaseCache cache, int[][] slots) {
      PageTables from = cache.tables();
      boolean[] used = new boolean[cache.spec().headPages()];
      for (int row = 0; row < slots.length; row++) {
        for (int index = 0; index < from.pageCount(row); index++) {
          used[from.page(row, index)] = true;
        }
      }
      int[] free =
          IntStream.range(0, used.length)
              .filter(page -> !used[page])
              .limit(fresh ? 999 : 0)
              .toArray();
      int taken = 0;
      PageTables to =
          new PageTables(from.layers(), from.kvHeads(), from.pageSize()).begin(from.requests());
      for (int request = 0; request < from.requests(); request++) {
        to.request(from.newTokens(request), from.firstPosition(request));
      }
      for (int row = 0; row < slots.length; row++) {
        int[] pages = new int[(slots[row].length + from.pageSize() - 1) / from.pageSize()];
        for (int index = 0; index < pages.length; index++) {
          boolean replace = taken < free.length && random.chance(0.5);
          pages[index] = replace ? free[taken++] : from.page(row, index);
        }
        to.row(slots[row].length, pages, 0, pages.length);
      }
      return to;
    }

    private static int[] ragged(PageTables from, int layer, int[][] slots) {
      int[] all = new int[(int) from.slots(layer)];
      Arrays.fill(all, -1);
      for (int row = from.rowOf(layer, 0, 0); row < from.rowOf(layer + 1, 0, 0); row++) {
        System.arraycopy(slots[row], 0, all, (int) from.slotStart(row), slots[row].length);
      }
      return all;
    }

    /** Numbers beside the slots, all different. */
    private static SlotArray numbers(KvPool pool, int width) {
      SlotArray array = pool.attach("numbers", width, 0);
      Tensor all = array.tensor();
      float[] values = new float[(int) all.elements()];
      for (int i = 0; i < values.length; i++) {
        values[i] = i;
      }
      pool.device().copy(Tensor.wrap(values, all.size(0), all.size(1), width), all);
      return array;
    }

    private static Tensor read(KernelDevice device, SlotArray array) {
      Tensor all = array.tensor();
      Tensor copy =
          Tensor.wrap(new float[(int) all.elements()], all.size(0), all.size(1), all.size(2));
      device.copy(all, copy);
      return copy;
    }
  }
}
