package dev.warpwright.tornado.attention;

import dev.warpwright.kernels.Resource;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.attention.RmsNorm;
import dev.warpwright.kernels.attention.RmsNormSpec;
import dev.warpwright.tornado.BySize;
import dev.warpwright.tornado.Program;
import dev.warpwright.tornado.Staged;
import dev.warpwright.tornado.TornadoKernelDevice;
import java.util.List;
import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.math.TornadoMath;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/**
 * {@link RmsNorm} with a group of work items a row. Squares are taken of elements divided by the
 * largest of them, so that they neither overflow nor vanish.
 */
final class RmsNormTornado extends RmsNorm {
  private final BySize<Rows> rows;

  RmsNormTornado(TornadoKernelDevice device, RmsNormSpec spec) {
    super(device, spec, 0);
    rows =
        new BySize<>(
            device,
            List.of(RmsNormTornado.class, spec.columns()),
            spec.maxRows(),
            size -> new Rows(device, size, spec.columns()));
  }

  /**
   * The formula, one group a row.
   *
   * @param epsilon epsilon and its square root
   */
  static void rmsNorm(
      KernelContext context,
      IntArray sizes,
      FloatArray epsilon,
      FloatArray x,
      FloatArray weight,
      FloatArray y) {
    int columns = sizes.get(0);
    int row = context.groupIdx;
    int lane = context.localIdx;
    float[] parts = context.allocateFloatLocalArray(Program.GROUP);
    int start = row * columns;
    float largest = epsilon.get(1);
    for (int i = lane; i < columns; i += Program.GROUP) {
      largest = TornadoMath.max(largest, TornadoMath.abs(x.get(start + i)));
    }
    parts[lane] = largest;
    context.localBarrier();
    for (int step = Program.GROUP / 2; step > 0; step = step >> 1) {
      if (lane < step) {
        parts[lane] = TornadoMath.max(parts[lane], parts[lane + step]);
      }
      context.localBarrier();
    }
    float unit = parts[0];
    if (unit > Float.MAX_VALUE) {
      unit = 1;
    }
    context.localBarrier();
    float squares = 0;
    for (int i = lane; i < columns; i += Program.GROUP) {
      float value = x.get(start + i) / unit;
      squares += value * value;
    }
    parts[lane] = squares;
    context.localBarrier();
    for (int step = Program.GROUP / 2; step > 0; step = step >> 1) {
      if (lane < step) {
        parts[lane] += parts[lane + step];
      }
      context.localBarrier();
    }
    float root = TornadoMath.sqrt(parts[0] / columns + epsilon.get(0) / unit / unit);
    for (int i = lane; i < columns; i += Program.GROUP) {
      y.set(start + i, x.get(start + i) / unit / root * weight.get(i));
    }
  }

  private static final class Rows implements Resource {
    private final Program program;
    private final Program.Kernel kernel;
    private final IntArray sizes = Staged.ints(1);
    private final FloatArray epsilon = Staged.floats(2);
    private final FloatArray x;
    private final FloatArray weight;
    private final FloatArray y;

    Rows(TornadoKernelDevice device, int rows, int columns) {
      x = Staged.floats((long) rows * columns);
      y = Staged.floats((long) rows * columns);
      weight = Staged.floats(columns);
      sizes.set(0, columns);
      KernelContext context = new KernelContext();
      program = new Program(device);
      kernel =
          program.add(
              "rmsNorm",
              List.of(sizes, epsilon, x, weight),
              List.of(y),
              false,
              List.of(
                  graph ->
                      graph.task(
                          Program.task(0),
                          RmsNormTornado::rmsNorm,
                          context,
                          sizes,
                          epsilon,
                          x,
                          weight,
                          y)));
    }

    @Override
    public void close() {
      program.close();
    }
  }

  @Override
  protected void execute(int count, Tensor x, Tensor weight, Tensor y) {
    Rows run = rows.get(count);
    Staged.in(run.epsilon, spec().epsilon(), (float) Math.sqrt(spec().epsilon()));
    Staged.in(x, run.x);
    Staged.in(weight, run.weight);
    run.program.run(run.kernel, count);
    Staged.out(run.y, y);
  }

  @Override
  protected void release() {
    rows.close();
  }
}
