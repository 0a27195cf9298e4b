package dev.warpwright.tornado.moe;

import dev.warpwright.kernels.Resource;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.moe.Dispatch;
import dev.warpwright.kernels.moe.DispatchSpec;
import dev.warpwright.tornado.BySize;
import dev.warpwright.tornado.Program;
import dev.warpwright.tornado.Staged;
import dev.warpwright.tornado.TornadoKernelDevice;
import java.util.List;
import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/** {@link Dispatch} in three tasks: count, sum up, fill. One work item an expert looks through. */
final class DispatchTornado extends Dispatch {
  private final BySize<Tokens> tokens;

  DispatchTornado(TornadoKernelDevice device, DispatchSpec spec) {
    super(device, spec, 0);
    // The slots follow from the tokens and the rest of the spec.
    DispatchSpec any = new DispatchSpec(1, spec.topK(), spec.experts(), spec.tile(), 0);
    tokens =
        new BySize<>(
            device,
            List.of(DispatchTornado.class, any),
            spec.maxTokens(),
            size -> new Tokens(device, any, size));
  }

  /**
   * Slots that each expert needs, padding included.
   *
   * @param sizes choices, experts, tile, most choices of an expert
   */
  static void countChoices(KernelContext context, IntArray sizes, IntArray ids, IntArray counts) {
    int expert = context.globalIdx;
    int tile = sizes.get(2);
    if (expert < sizes.get(1)) {
      int count = 0;
      for (int f = 0; f < sizes.get(0); f++) {
        if (ids.get(f) == expert) {
          count++;
        }
      }
      if (count > sizes.get(3)) {
        count = sizes.get(3);
      }
      counts.set(expert, (count + tile - 1) / tile * tile);
    }
  }

  /** The first slot of each expert. */
  static void sumCounts(KernelContext context, IntArray sizes, IntArray counts, IntArray offsets) {
    int experts = sizes.get(1);
    if (context.globalIdx == 0) {
      int slot = 0;
      for (int expert = 0; expert < experts; expert++) {
        offsets.set(expert, slot);
        slot = slot + counts.get(expert);
      }
      offsets.set(experts, slot);
    }
  }

  /** Choices by slot and slots by choice, where they are not −1. */
  static void fillSlots(
      KernelContext context,
      IntArray sizes,
      IntArray ids,
      IntArray offsets,
      IntArray order,
      IntArray slots) {
    int expert = context.globalIdx;
    if (expert < sizes.get(1)) {
      int slot = offsets.get(expert);
      int left = sizes.get(3);
      for (int f = 0; f < sizes.get(0); f++) {
        if (ids.get(f) == expert && left > 0) {
          order.set(slot, f);
          slots.set(f, slot);
          slot = slot + 1;
          left = left - 1;
        }
      }
    }
  }

  private static final class Tokens implements Resource {
    private final Program program;
    private final Program.Kernel kernel;
    private final IntArray sizes = Staged.ints(4);
    private final IntArray ids;
    private final IntArray counts;
    private final IntArray offsets;
    private final IntArray order;
    private final IntArray slots;

    Tokens(TornadoKernelDevice device, DispatchSpec spec, int tokens) {
      ids = Staged.ints((long) tokens * spec.topK());
      counts = Staged.ints(spec.experts());
      offsets = Staged.ints(spec.experts() + 1L);
      order = Staged.ints(spec.slots(tokens));
      slots = Staged.ints((long) tokens * spec.topK());
      KernelContext context = new KernelContext();
      program = new Program(device);
      kernel =
          program.add(
              "dispatch",
              List.of(sizes, ids, order, slots),
              List.of(offsets, order, slots),
              false,
              List.of(
                  graph ->
                      graph.task(
                          Program.task(0),
                          DispatchTornado::countChoices,
                          context,
                          sizes,
                          ids,
                          counts),
                  graph ->
                      graph.task(
                          Program.task(1),
                          DispatchTornado::sumCounts,
                          context,
                          sizes,
                          counts,
                          offsets),
                  graph ->
                      graph.task(
                          Program.task(2),
                          DispatchTornado::fillSlots,
                          context,
                          sizes,
                          ids,
                          offsets,
                          order,
                          slots)));
    }

    @Override
    public void close() {
      program.close();
    }
  }

  @Override
  protected void execute(int count, Tensor ids, Tensor offsets, Tensor order, Tensor slots) {
    Tokens run = tokens.get(count);
    Staged.in(ids, run.ids);
    run.order.init(-1);
    run.slots.init(-1);
    int most = spec().capacity() == 0 ? Integer.MAX_VALUE : spec().capacity();
    Staged.in(run.sizes, Math.toIntExact(ids.elements()), spec().experts(), spec().tile(), most);
    int groups = Staged.groups(spec().experts());
    run.program.run(run.kernel, groups, 1, groups);
    Staged.out(run.offsets, offsets);
    Staged.out(run.order, order);
    Staged.out(run.slots, slots);
  }

  @Override
  protected void release() {
    tokens.close();
  }
}
