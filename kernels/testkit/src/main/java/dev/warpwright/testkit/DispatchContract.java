package dev.warpwright.testkit;

import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.KernelDevice;
import dev.warpwright.kernels.KernelId;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.moe.Dispatch;
import dev.warpwright.kernels.moe.DispatchSpec;
import java.util.List;

/** Cases of {@link Dispatch}. */
public final class DispatchContract implements KernelContract {
  /** Which experts the choices name. */
  private enum Ids {
    /** Any, some of them −1. */
    MIXED,
    /** All the last expert. */
    ONE,
    /** None: all −1. */
    NONE,
    /** Two of them: most experts are empty. */
    TWO
  }

  /** The contract. */
  public DispatchContract() {}

  @Override
  public KernelId kernel() {
    return KernelId.DISPATCH;
  }

  @Override
  public List<ContractCase> extremes() {
    return List.of(
        new DispatchCase(DispatchSpec.of(4, 2, 8), 0, Ids.MIXED, 1),
        new DispatchCase(DispatchSpec.of(1, 1, 1), 1, Ids.MIXED, 2),
        new DispatchCase(DispatchSpec.of(1, 8, 256), 1, Ids.MIXED, 3),
        new DispatchCase(DispatchSpec.of(1024, 8, 256), 1024, Ids.MIXED, 4),
        new DispatchCase(DispatchSpec.of(256, 16, 512), 256, Ids.MIXED, 5),
        new DispatchCase(DispatchSpec.of(33, 4, 60), 33, Ids.ONE, 6),
        new DispatchCase(DispatchSpec.of(33, 4, 60), 33, Ids.NONE, 7),
        new DispatchCase(new DispatchSpec(33, 4, 32, 16, 0), 33, Ids.MIXED, 8),
        new DispatchCase(new DispatchSpec(33, 4, 32, 16, 0), 0, Ids.MIXED, 9),
        new DispatchCase(new DispatchSpec(33, 4, 32, 16, 17), 33, Ids.ONE, 10),
        new DispatchCase(new DispatchSpec(256, 2, 8, 64, 64), 256, Ids.TWO, 11),
        new DispatchCase(new DispatchSpec(256, 2, 257, 1, 1), 256, Ids.MIXED, 12),
        new DispatchCase(new DispatchSpec(3, 1, 160, 1024, 0), 3, Ids.TWO, 13));
  }

  @Override
  public ContractCase random(CaseRandom random) {
    int maxTokens = random.size(1, 256);
    DispatchSpec spec =
        new DispatchSpec(
            maxTokens,
            random.size(1, 16),
            random.size(1, 512),
            random.chance(0.5) ? 1 : random.size(1, 64),
            random.chance(0.5) ? 0 : random.size(1, 64));
    return new DispatchCase(
        spec, random.between(0, maxTokens), random.oneOf(Ids.values()), random.bits());
  }

  private record DispatchCase(DispatchSpec spec, int tokens, Ids kind, long seed)
      implements ContractCase {
    @Override
    public double run(KernelDevice reference, KernelDevice device) {
      CaseRandom random = new CaseRandom(seed);
      try (CaseMemory memory = new CaseMemory(random)) {
        Tensor ids = memory.input("ids", ids(random), tokens, spec.topK());
        Results expected = new Results(memory);
        Results actual = new Results(memory);
        expected.run(reference, ids);
        actual.run(device, ids);
        memory.check();
        Compare.ints("offsets", expected.offsets, actual.offsets);
        Compare.ints("order", expected.order, actual.order);
        Compare.ints("slots", expected.slots, actual.slots);
        return 0;
      }
    }

    private int[] ids(CaseRandom random) {
      int[] ids = new int[tokens * spec.topK()];
      int other = random.between(0, spec.experts() - 1);
      for (int f = 0; f < ids.length; f++) {
        ids[f] =
            switch (kind) {
              case MIXED -> random.chance(0.1) ? -1 : random.between(0, spec.experts() - 1);
              case ONE -> spec.experts() - 1;
              case NONE -> -1;
              case TWO -> random.chance(0.5) ? 0 : other;
            };
      }
      return ids;
    }

    private final class Results {
      final Tensor offsets;
      final Tensor order;
      final Tensor slots;

      Results(CaseMemory memory) {
        offsets = memory.output("offsets", DType.I32, spec.experts() + 1);
        order = memory.output("order", DType.I32, spec.slots(tokens));
        slots = memory.output("slots", DType.I32, tokens, spec.topK());
      }

      void run(KernelDevice device, Tensor ids) {
        try (Dispatch dispatch = device.moe().dispatch(spec)) {
          dispatch.run(ids, offsets, order, slots);
          device.synchronize();
        }
      }
    }
  }
}
