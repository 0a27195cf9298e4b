package dev.warpwright.tornado.moe;

import dev.warpwright.kernels.Resource;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.moe.Route;
import dev.warpwright.kernels.moe.RouteSpec;
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

/** {@link Route} with one work item a token. */
final class RouteTornado extends Route {
  /** What the state of an expert or group may be. */
  private static final int EXCLUDED = 0;

  private static final int NUMBER = 1;
  private static final int NAN = 2;

  private final BySize<Tokens> tokens;

  RouteTornado(TornadoKernelDevice device, RouteSpec spec) {
    super(device, spec, 0);
    tokens =
        new BySize<>(
            device,
            List.of(RouteTornado.class, spec.experts(), spec.groups(), spec.topK()),
            spec.maxTokens(),
            size -> new Tokens(device, spec, size));
  }

  /**
   * The formula.
   *
   * @param sizes tokens, experts, topK, groups, kept groups, whether scores are sigmoids, whether
   *     weights are divided by their sum
   * @param scale factor of the weights
   * @param bias added for the choice
   * @param p scratch memory: probability of each expert
   * @param choice scratch memory: score of each expert, then of each group
   * @param state scratch memory: whether an expert, then a group, may be chosen, and is NaN
   */
  static void route(
      KernelContext context,
      IntArray sizes,
      FloatArray scale,
      FloatArray logits,
      FloatArray bias,
      FloatArray p,
      FloatArray choice,
      IntArray state,
      IntArray ids,
      FloatArray weights) {
    int token = context.globalIdx;
    int experts = sizes.get(1);
    int topK = sizes.get(2);
    int groups = sizes.get(3);
    int kept = sizes.get(4);
    if (token < sizes.get(0)) {
      int at = token * experts;
      int own = token * (experts + groups);
      if (sizes.get(5) == 1) {
        for (int e = 0; e < experts; e++) {
          p.set(at + e, 1 / (1 + TornadoMath.exp(-logits.get(at + e))));
        }
      } else {
        float most = Float.NEGATIVE_INFINITY;
        for (int e = 0; e < experts; e++) {
          float logit = logits.get(at + e);
          if (logit > most) {
            most = logit;
          }
        }
        float sum = 0;
        for (int e = 0; e < experts; e++) {
          float value = TornadoMath.exp(logits.get(at + e) - most);
          p.set(at + e, value);
          sum += value;
        }
        for (int e = 0; e < experts; e++) {
          p.set(at + e, p.get(at + e) / sum);
        }
      }
      for (int e = 0; e < experts; e++) {
        choice.set(own + e, p.get(at + e) + bias.get(e));
        allow(choice, state, own + e);
      }
      int size = experts / groups;
      if (kept < groups) {
        for (int g = 0; g < groups; g++) {
          int first = best(choice, state, own + g * size, own + g * size + size);
          float score = choice.get(first);
          if (size > 1) {
            state.set(first, EXCLUDED);
            score = score + choice.get(best(choice, state, own + g * size, own + g * size + size));
          }
          choice.set(own + experts + g, score);
          allow(choice, state, own + experts + g);
          for (int e = g * size; e < g * size + size; e++) {
            state.set(own + e, EXCLUDED);
          }
        }
        for (int i = 0; i < kept; i++) {
          int g = best(choice, state, own + experts, own + experts + groups);
          state.set(g, EXCLUDED);
          int begin = own + (g - own - experts) * size;
          for (int e = begin; e < begin + size; e++) {
            allow(choice, state, e);
          }
        }
      }
      float total = 1e-20f;
      for (int j = 0; j < topK; j++) {
        int e = best(choice, state, own, own + experts);
        state.set(e, EXCLUDED);
        ids.set(token * topK + j, e - own);
        total += p.get(at + e - own);
      }
      for (int j = 0; j < topK; j++) {
        float value = p.get(at + ids.get(token * topK + j));
        if (sizes.get(6) == 1) {
          value = value / total;
        }
        weights.set(token * topK + j, value * scale.get(0));
      }
    }
  }

  /**
   * Notes in {@code state} whether a score is a number, in a condition of its own: TornadoVM makes
   * code that is wrong for NaN of {@code >=}, and forgets a negation in compound conditions.
   */
  static void allow(FloatArray scores, IntArray state, int index) {
    float score = scores.get(index);
    if (Float.isNaN(score)) {
      state.set(index, NAN);
    } else {
      state.set(index, NUMBER);
    }
  }

  /** The first index of the best score among those that may be chosen; NaN is lowest. */
  static int best(FloatArray scores, IntArray state, int from, int to) {
    int best = -1;
    int nan = -1;
    float most = 0;
    for (int i = from; i < to; i++) {
      int kind = state.get(i);
      if (kind == NUMBER) {
        float score = scores.get(i);
        if (best < 0) {
          best = i;
          most = score;
        } else if (score > most) {
          best = i;
          most = score;
        }
      } else if (kind == NAN) {
        if (nan < 0) {
          nan = i;
        }
      }
    }
    if (best < 0) {
      best = nan;
    }
    return best;
  }

  private static final class Tokens implements Resource {
    private final Program program;
    private final Program.Kernel kernel;
    private final IntArray sizes = Staged.ints(7);
    private final FloatArray scale = Staged.floats(1);
    private final FloatArray logits;
    private final FloatArray bias;
    private final IntArray ids;
    private final FloatArray weights;

    Tokens(TornadoKernelDevice device, RouteSpec spec, int tokens) {
      logits = Staged.floats((long) tokens * spec.experts());
      bias = Staged.floats(spec.experts());
      ids = Staged.ints((long) tokens * spec.topK());
      weights = Staged.floats((long) tokens * spec.topK());
      FloatArray p = Staged.floats((long) tokens * spec.experts());
      FloatArray choice = Staged.floats((long) tokens * (spec.experts() + spec.groups()));
      IntArray state = Staged.ints((long) tokens * (spec.experts() + spec.groups()));
      KernelContext context = new KernelContext();
      program = new Program(device);
      kernel =
          program.add(
              "route",
              List.of(sizes, scale, logits, bias),
              List.of(ids, weights),
              false,
              List.of(
                  graph ->
                      graph.task(
                          Program.task(0),
                          RouteTornado::route,
                          context,
                          sizes,
                          scale,
                          logits,
                          bias,
                          p,
                          choice,
                          state,
                          ids,
                          weights)));
    }

    @Override
    public void close() {
      program.close();
    }
  }

  @Override
  protected void execute(
      int count, Tensor logits, @Nullable Tensor bias, Tensor ids, Tensor weights) {
    Tokens run = tokens.get(count);
    Staged.in(logits, run.logits);
    if (bias == null) {
      // p + (−0) is p.
      run.bias.init(-0f);
    } else {
      Staged.in(bias, run.bias);
    }
    run.scale.set(0, spec().scale());
    Staged.in(
        run.sizes,
        count,
        spec().experts(),
        spec().topK(),
        spec().groups(),
        spec().keptGroups(),
        spec().scoring() == RouteSpec.Scoring.SIGMOID ? 1 : 0,
        spec().renormalise() ? 1 : 0);
    run.program.run(run.kernel, Staged.groups(count));
    Staged.out(run.ids, ids);
    Staged.out(run.weights, weights);
  }

  @Override
  protected void release() {
    tokens.close();
  }
}
