package dev.warpwright.tornado.attention;

import dev.warpwright.kernels.Resource;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.attention.MergeStates;
import dev.warpwright.kernels.attention.MergeStatesSpec;
import dev.warpwright.tornado.BySize;
import dev.warpwright.tornado.Program;
import dev.warpwright.tornado.Staged;
import dev.warpwright.tornado.TornadoKernelDevice;
import java.util.List;
import org.jspecify.annotations.Nullable;
import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.math.TornadoMath;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/** {@link MergeStates} with one work item an element of the result. */
final class MergeStatesTornado extends MergeStates {
  private final BySize<Tokens> tokens;

  MergeStatesTornado(TornadoKernelDevice device, MergeStatesSpec spec) {
    super(device, spec, 0);
    tokens =
        new BySize<>(
            device,
            List.of(MergeStatesTornado.class, spec.states(), spec.queryHeads(), spec.headDim()),
            spec.maxTokens(),
            size -> new Tokens(device, spec, size));
  }

  /**
   * The formula.
   *
   * @param sizes states, heads of all tokens, elements of a head
   */
  static void mergeStates(
      KernelContext context,
      IntArray sizes,
      FloatArray outs,
      FloatArray lses,
      FloatArray out,
      FloatArray lse) {
    int item = context.globalIdx;
    int states = sizes.get(0);
    int heads = sizes.get(1);
    int headDim = sizes.get(2);
    if (item < heads * headDim) {
      int head = item / headDim;
      float most = Float.NEGATIVE_INFINITY;
      for (int state = 0; state < states; state++) {
        float one = lses.get(state * heads + head);
        if (one > most) {
          most = one;
        }
      }
      float weights = 0;
      float sum = 0;
      for (int state = 0; state < states; state++) {
        float one = lses.get(state * heads + head);
        if (one == Float.NEGATIVE_INFINITY) {
          sum += 0;
        } else {
          float weight = TornadoMath.exp(one - most);
          weights += weight;
          sum += weight * outs.get(state * heads * headDim + item);
        }
      }
      float divisor = weights;
      float log = Float.NEGATIVE_INFINITY;
      if (weights == 0) {
        divisor = 1;
      } else {
        log = most + TornadoMath.log(weights);
      }
      out.set(item, sum / divisor);
      if (item == head * headDim) {
        lse.set(head, log);
      }
    }
  }

  private static final class Tokens implements Resource {
    private final Program program;
    private final Program.Kernel kernel;
    private final IntArray sizes = Staged.ints(3);
    private final FloatArray outs;
    private final FloatArray lses;
    private final FloatArray out;
    private final FloatArray lse;

    Tokens(TornadoKernelDevice device, MergeStatesSpec spec, int tokens) {
      long heads = (long) tokens * spec.queryHeads();
      outs = Staged.floats(spec.states() * heads * spec.headDim());
      lses = Staged.floats(spec.states() * heads);
      out = Staged.floats(heads * spec.headDim());
      lse = Staged.floats(heads);
      KernelContext context = new KernelContext();
      program = new Program(device);
      kernel =
          program.add(
              "mergeStates",
              List.of(sizes, outs, lses),
              List.of(out, lse),
              false,
              List.of(
                  graph ->
                      graph.task(
                          Program.task(0),
                          MergeStatesTornado::mergeStates,
                          context,
                          sizes,
                          outs,
                          lses,
                          out,
                          lse)));
    }

    @Override
    public void close() {
      program.close();
    }
  }

  @Override
  protected void execute(int count, Tensor outs, Tensor lses, Tensor out, @Nullable Tensor lse) {
    Tokens run = tokens.get(count);
    Staged.in(run.sizes, spec().states(), count * spec().queryHeads(), spec().headDim());
    Staged.in(outs, run.outs);
    Staged.in(lses, run.lses);
    run.program.run(run.kernel, Staged.groups(out.elements()));
    Staged.out(run.out, out);
    if (lse != null) {
      Staged.out(run.lse, lse);
    }
  }

  @Override
  protected void release() {
    tokens.close();
  }
}
