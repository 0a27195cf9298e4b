package dev.warpwright.cuda.sparse;

import dev.warpwright.cuda.CudaKernelDevice;
import dev.warpwright.cuda.CudaRun;
import dev.warpwright.cuda.Resources;
import dev.warpwright.cuda.runtime.CudaFunction;
import dev.warpwright.cuda.runtime.DeviceBuffer;
import dev.warpwright.cuda.runtime.LaunchGrid;
import dev.warpwright.cuda.sparse.WorkCut.Batch;
import dev.warpwright.kernels.Checks;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.sparse.Activations;
import dev.warpwright.kernels.sparse.MatrixProduct;
import dev.warpwright.kernels.sparse.MatrixProductSpec;
import dev.warpwright.kernels.sparse.PreparedMatrix;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.EnumMap;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Starts {@code matmul.cu}, {@code quant_matmul.cu} and {@code group_sparse_matmul.cu}. How they
 * cut the work stands in {@code slices.cuh}; the bits of a result do not depend on what is chosen
 * here.
 */
final class MatrixProductCuda extends MatrixProduct {
  private static final int WARP = 32;

  private final CudaKernelDevice device;
  private final Map<Batch, CudaFunction> kernels;
  private final Chunk chunk;
  private final WorkCut work;
  private final @Nullable DeviceBuffer workspace;

  /** Bytes of the counters, which lie before the sums of slices. */
  private final long counters;

  /** Where rounded rows of x begin in the workspace, and what rounds them; none if x is not. */
  private final @Nullable RoundedInputs rounded;

  /** A parameter of the kernels. */
  private final MemorySegment shape;

  MatrixProductCuda(CudaKernelDevice device, MatrixProductSpec spec) {
    device.reserve(staged(spec));
    final Chunk sizes = chunk(spec);
    final Map<Batch, CudaFunction> loaded = kernels(device, spec, sizes);
    WorkCut cut =
        new WorkCut(
            Blocks.count(spec.outputs()),
            shapeOf(spec).mostSlices(),
            WorkCut.narrowRows(spec.format()),
            device.limits().multiprocessors());
    long zeros = MatrixForm.room(cut.counterBytes(spec.maxRows()));
    long sums = MatrixForm.room(cut.sumBytes(spec.maxRows()));
    RoundedInputs codes =
        spec.activations() == Activations.I8 ? RoundedInputs.of(device, spec, zeros + sums) : null;
    long bytes = zeros + sums + (codes == null ? 0 : codes.bytes());
    workspace = device.workspace(bytes, zeros, spec.kernel());
    super(device, spec, bytes);
    this.device = device;
    kernels = loaded;
    chunk = sizes;
    work = cut;
    counters = zeros;
    rounded = codes;
    shape = shapeOf(spec).parameter(Arena.ofAuto());
  }

  /** Room that x and y take when they are in host memory. */
  static long staged(MatrixProductSpec spec) {
    return CudaRun.staged((long) spec.maxRows() * spec.inputs() * Float.BYTES)
        + CudaRun.staged((long) spec.maxRows() * spec.outputs() * Float.BYTES);
  }

  private static Map<Batch, CudaFunction> kernels(
      CudaKernelDevice device, MatrixProductSpec spec, Chunk chunk) {
    String name =
        source(spec)
            + "_"
            + shapeOf(spec).suffix()
            + (spec.activations() == Activations.I8 ? "_rounded_" : "_");
    Map<Batch, CudaFunction> kernels = new EnumMap<>(Batch.class);
    for (Batch batch : Batch.values()) {
      CudaFunction kernel = device.function("sparse/" + source(spec), name + batch.rows);
      int shared = mostShared(batch, chunk);
      if (shared > LaunchGrid.COMMON_SHARED) {
        kernel.allowDynamicShared(shared);
      }
      kernels.put(batch, kernel);
    }
    return kernels;
  }

  private static MatrixShape shapeOf(MatrixProductSpec spec) {
    return new MatrixShape(spec.format(), spec.outputs(), spec.inputs());
  }

  private static String source(MatrixProductSpec spec) {
    return spec.kernel().name().toLowerCase(Locale.ROOT);
  }

  /** Shared memory of a block of threads at most, whatever the number of rows. */
  static int mostShared(MatrixProductSpec spec) {
    return mostShared(Batch.SIXTEEN, chunk(spec));
  }

  private static Chunk chunk(MatrixProductSpec spec) {
    return Chunk.of(spec.format(), spec.activations() == Activations.I8);
  }

  private static int mostShared(Batch batch, Chunk chunk) {
    return switch (batch) {
      case TWO -> chunk.narrowBytes();
      case EIGHT -> chunk.panelBytes(Blocks.PANEL, batch.rows, 1);
      case SIXTEEN ->
          Math.max(
              chunk.panelBytes(Blocks.PANEL, WorkCut.MOST_CUT, 1),
              chunk.panelBytes(WorkCut.TILE_BLOCKS, WorkCut.TILE_BATCHES * batch.rows, 1));
    };
  }

  @Override
  protected void execute(PreparedMatrix w, int rows, Tensor x, Tensor y) {
    CudaMatrix weights = (CudaMatrix) w;
    boolean cut = work.isCut(rows);
    try (CudaRun run = device.begin()) {
      long from = run.input(x);
      long to = run.output(y);
      long area = workspace == null ? 0 : workspace.address();
      if (rounded != null) {
        rounded.launch(run, from, rows, area);
        from = rounded.codes(area);
      }
      run.arguments()
          .add(from)
          .add(to)
          .add(rows)
          .add(spec().outputs())
          .add(spec().inputs())
          .add(cut ? 0 : 1)
          .add(area + counters)
          .add(area)
          .add(rounded == null ? 0L : rounded.scales(area))
          .add(weights.parameter())
          .add(shape);
      run.launch(Checks.notNull("kernel", kernels.get(work.batch(rows))), grid(weights, rows));
      run.complete();
    }
  }

  private LaunchGrid grid(CudaMatrix weights, int rows) {
    Batch batch = work.batch(rows);
    boolean cut = work.isCut(rows);
    int together = WorkCut.together(rows);
    if (batch == Batch.TWO) {
      int blocks = cut ? weights.slices() : Math.ceilDiv(work.blocks(), together);
      return LaunchGrid.of(blocks, together * WARP).withShared(chunk.narrowBytes());
    }
    int batches = work.batchesTogether(rows);
    return new LaunchGrid(
        cut ? weights.shares() : Math.ceilDiv(work.blocks(), together),
        Math.min(Math.ceilDiv(work.batches(rows), batches), LaunchGrid.MOST_BLOCKS_Y),
        1,
        together * WARP,
        batches,
        1,
        chunk.panelBytes(together, batches * batch.rows, 1));
  }

  @Override
  protected void release() {
    Resources.close(workspace);
  }
}
