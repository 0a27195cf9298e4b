package dev.warpwright.tornado.attention;

import dev.warpwright.kernels.Resource;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.attention.KvPool;
import dev.warpwright.kernels.attention.PageTables;
import dev.warpwright.kernels.attention.ScoreAccumulate;
import dev.warpwright.kernels.attention.ScoreAccumulateSpec;
import dev.warpwright.kernels.attention.ScoreAccumulateSpec.Statistic;
import dev.warpwright.kernels.attention.SlotArray;
import dev.warpwright.tornado.BySize;
import dev.warpwright.tornado.Program;
import dev.warpwright.tornado.Staged;
import dev.warpwright.tornado.TornadoKernelDevice;
import java.util.List;
import org.jspecify.annotations.Nullable;
import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/**
 * {@link ScoreAccumulate} with one work item a slot. The numbers beside the slots are tensors, and
 * so in host memory: those of a layer's slots are gathered there, and scattered after.
 */
final class ScoreAccumulateTornado extends ScoreAccumulate {
  private final BySize<Slots> slots;

  ScoreAccumulateTornado(
      TornadoKernelDevice device, ScoreAccumulateSpec spec, KvPool pool, SlotArray array) {
    super(device, spec, pool, array, 0);
    slots = slots(device, spec.statistic());
  }

  private static BySize<Slots> slots(TornadoKernelDevice device, Statistic statistic) {
    return new BySize<>(
        device,
        List.of(ScoreAccumulateTornado.class, statistic),
        Integer.MAX_VALUE,
        size -> new Slots(device, statistic, size));
  }

  /**
   * Sums.
   *
   * @param observations number of slots, whether to start anew; then the observations of each slot
   */
  static void addScores(
      KernelContext context, IntArray observations, FloatArray scores, FloatArray numbers) {
    int slot = context.globalIdx;
    if (slot < observations.get(0)) {
      if (observations.get(2 + slot) > 0) {
        float before = numbers.get(slot);
        if (observations.get(1) == 1) {
          // x + (−0) is x.
          before = -0f;
        }
        numbers.set(slot, before + scores.get(slot));
      }
    }
  }

  /** Counts, means and squares; the order of operations is that of the formula. */
  static void mergeMoments(
      KernelContext context,
      IntArray observations,
      FloatArray scores,
      FloatArray variances,
      FloatArray numbers) {
    int slot = context.globalIdx;
    if (slot < observations.get(0)) {
      int observed = observations.get(2 + slot);
      if (observed > 0) {
        double n = (double) observed;
        double count = (double) numbers.get(3 * slot);
        double mean = (double) numbers.get(3 * slot + 1);
        double squares = (double) numbers.get(3 * slot + 2);
        if (observations.get(1) == 1) {
          count = 0;
          mean = 0;
          squares = 0;
        }
        double delta = (double) scores.get(slot) - mean;
        double total = count + n;
        double spread = (double) variances.get(slot) * (n - 1);
        numbers.set(3 * slot, (float) total);
        numbers.set(3 * slot + 1, (float) (mean + delta * n / total));
        numbers.set(3 * slot + 2, (float) (squares + spread + delta * delta * count * n / total));
      }
    }
  }

  /** Numbers of up to some number of slots, and the kernel. */
  static final class Slots implements Resource {
    private final Program program;
    private final Program.Kernel kernel;
    final IntArray observations;
    final FloatArray scores;
    final FloatArray variances;
    final FloatArray numbers;

    Slots(TornadoKernelDevice device, Statistic statistic, int slots) {
      observations = Staged.ints(2L + slots);
      scores = Staged.floats(slots);
      variances = Staged.floats(statistic == Statistic.MOMENTS ? slots : 1);
      numbers = Staged.floats((long) slots * statistic.width());
      KernelContext context = new KernelContext();
      program = new Program(device);
      kernel =
          switch (statistic) {
            case SUM ->
                program.add(
                    "addScores",
                    List.of(observations, scores, numbers),
                    List.of(numbers),
                    false,
                    List.of(
                        graph ->
                            graph.task(
                                Program.task(0),
                                ScoreAccumulateTornado::addScores,
                                context,
                                observations,
                                scores,
                                numbers)));
            case MOMENTS ->
                program.add(
                    "mergeMoments",
                    List.of(observations, scores, variances, numbers),
                    List.of(numbers),
                    false,
                    List.of(
                        graph ->
                            graph.task(
                                Program.task(0),
                                ScoreAccumulateTornado::mergeMoments,
                                context,
                                observations,
                                scores,
                                variances,
                                numbers)));
          };
    }

    void run(int count) {
      program.run(kernel, Staged.groups(count));
    }

    @Override
    public void close() {
      program.close();
    }
  }

  @Override
  protected void prepare(PageTables batch) {}

  @Override
  protected void execute(PageTables batch, int layer, Tensor scores, @Nullable Tensor variances) {
    int count = Math.toIntExact(scores.elements());
    Slots run = slots.get(count);
    Staged.in(run.observations, count, spec().restart() ? 1 : 0);
    Staged.in(scores, run.scores);
    if (variances == null) {
      run.variances.init(0);
    } else {
      Staged.in(variances, run.variances);
    }
    copyNumbers(batch, layer, run, true);
    run.run(count);
    copyNumbers(batch, layer, run, false);
  }

  /** Gathers the numbers and observations of a layer's slots, or scatters the numbers. */
  private void copyNumbers(PageTables batch, int layer, Slots run, boolean gather) {
    Tensor numbers = array().tensor();
    int width = array().width();
    int first = batch.rowOf(layer, 0, 0);
    for (int row = first; row < first + batch.requests() * heads().kvHeads(); row++) {
      int observed = Math.min(spec().window(), batch.newTokens((row - first) / heads().kvHeads()));
      for (int slot = 0; slot < batch.length(row); slot++) {
        int to = Math.toIntExact(batch.slotStart(row)) + slot;
        long at = array().at(batch.page(row, slot / batch.pageSize()), slot % batch.pageSize());
        if (gather) {
          run.observations.set(2 + to, observed);
        }
        for (int i = 0; i < width; i++) {
          if (gather) {
            run.numbers.set(to * width + i, numbers.getFloat(at + i));
          } else if (observed > 0) {
            numbers.setFloat(at + i, run.numbers.get(to * width + i));
          }
        }
      }
    }
  }

  @Override
  protected void release() {
    slots.close();
  }
}
