package dev.warpwright.tornado.moe;

import dev.warpwright.kernels.Resource;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.moe.Combine;
import dev.warpwright.kernels.moe.CombineSpec;
import dev.warpwright.tornado.BySize;
import dev.warpwright.tornado.Program;
import dev.warpwright.tornado.Staged;
import dev.warpwright.tornado.TornadoKernelDevice;
import java.util.List;
import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/** {@link Combine} with one work item an element of the result. */
final class CombineTornado extends Combine {
  /** More slots than choices are rare: dispatch has padding only where it is asked to. */
  private final BySize<BySize<Tokens>> bySlots;

  CombineTornado(TornadoKernelDevice device, CombineSpec spec) {
    super(device, spec, 0);
    bySlots =
        new BySize<>(
            device,
            List.of(CombineTornado.class, spec),
            Integer.MAX_VALUE,
            slots ->
                new BySize<>(
                    device,
                    List.of(CombineTornado.class, spec, slots),
                    spec.maxTokens(),
                    tokens -> new Tokens(device, spec, slots, tokens)));
  }

  /**
   * The formula.
   *
   * @param sizes tokens, topK, columns
   */
  static void combine(
      KernelContext context,
      IntArray sizes,
      FloatArray h,
      IntArray slots,
      FloatArray weights,
      FloatArray y) {
    int item = context.globalIdx;
    int topK = sizes.get(1);
    int columns = sizes.get(2);
    if (item < sizes.get(0) * columns) {
      int token = item / columns;
      int column = item - token * columns;
      float sum = 0;
      for (int f = token * topK; f < token * topK + topK; f++) {
        int slot = slots.get(f);
        if (slot >= 0) {
          sum += weights.get(f) * h.get(slot * columns + column);
        }
      }
      y.set(item, sum);
    }
  }

  private static final class Tokens implements Resource {
    private final Program program;
    private final Program.Kernel kernel;
    private final IntArray sizes = Staged.ints(3);
    private final FloatArray h;
    private final IntArray slots;
    private final FloatArray weights;
    private final FloatArray y;

    Tokens(TornadoKernelDevice device, CombineSpec spec, int slotCount, int tokens) {
      h = Staged.floats((long) slotCount * spec.columns());
      slots = Staged.ints((long) tokens * spec.topK());
      weights = Staged.floats((long) tokens * spec.topK());
      y = Staged.floats((long) tokens * spec.columns());
      KernelContext context = new KernelContext();
      program = new Program(device);
      kernel =
          program.add(
              "combine",
              List.of(sizes, h, slots, weights),
              List.of(y),
              false,
              List.of(
                  graph ->
                      graph.task(
                          Program.task(0),
                          CombineTornado::combine,
                          context,
                          sizes,
                          h,
                          slots,
                          weights,
                          y)));
    }

    @Override
    public void close() {
      program.close();
    }
  }

  @Override
  protected void execute(int tokens, Tensor h, Tensor slots, Tensor weights, Tensor y) {
    Tokens run = bySlots.get(Math.toIntExact(h.size(0))).get(tokens);
    Staged.in(h, run.h);
    Staged.in(slots, run.slots);
    Staged.in(weights, run.weights);
    Staged.in(run.sizes, tokens, spec().topK(), spec().columns());
    run.program.run(run.kernel, Staged.groups(y.elements()));
    Staged.out(run.y, y);
  }

  @Override
  protected void release() {
    bySlots.close();
  }
}
