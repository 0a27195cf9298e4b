package dev.warpwright.cuda.attention;

import dev.warpwright.cuda.CudaKernelDevice;
import dev.warpwright.cuda.CudaRun;
import dev.warpwright.cuda.Resources;
import dev.warpwright.cuda.runtime.CudaFunction;
import dev.warpwright.cuda.runtime.KernelArguments;
import dev.warpwright.cuda.runtime.LaunchGrid;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.attention.AttentionBias;
import dev.warpwright.kernels.attention.KvPool;
import dev.warpwright.kernels.attention.PageTables;
import dev.warpwright.kernels.attention.PagedDecode;
import dev.warpwright.kernels.attention.PagedDecodeSpec;
import org.jspecify.annotations.Nullable;

/**
 * Starts {@code paged_decode.cuh}, or {@code paged_prefill.cuh} for groups that are large enough
 * for matrix instructions, and then {@code paged_decode.cu} for rows that were cut.
 */
final class PagedDecodeCuda extends PagedDecode {
  private static final int THREADS = 128;

  /** The largest group that is faster without matrix instructions. */
  private static final int MOST_LANES_GROUP = 4;

  private final CudaKernelDevice device;
  private final KvPoolCuda pages;
  private final CudaFunction kernel;
  private final int threads;
  private final int sharedBytes;
  private final CudaFunction merge;
  private final StepTables tables;
  private final RotationCuda rotation;
  private final DecodeWork work;
  private final GrowingBuffer states;

  PagedDecodeCuda(CudaKernelDevice device, PagedDecodeSpec spec, KvPool pool) {
    this.device = device;
    pages = (KvPoolCuda) pool;
    int group = spec.heads().group();
    String variant = Variants.byDim("paged_decode", spec.pool());
    if (group <= MOST_LANES_GROUP) {
      kernel = device.function("attention/" + variant, variant + "_g" + (group == 3 ? 4 : group));
      threads = THREADS;
      sharedBytes = 0;
      work = new DecodeWork(spec.heads(), 0);
    } else {
      boolean split = group <= TileShape.WARP_ROWS;
      TileShape shape = TileShape.of(spec.pool(), split);
      kernel =
          split ? tileKernel(device, variant, shape) : PagedPrefillCuda.kernel(device, spec.pool());
      threads = shape.threads();
      sharedBytes = shape.sharedBytes();
      work = new DecodeWork(spec.heads(), shape.rows());
    }
    merge = device.function("attention/paged_decode", "paged_decode_merge");
    tables = new StepTables(device, "pagedDecode");
    rotation = new RotationCuda(device, spec.rope(), "pagedDecode");
    states = new GrowingBuffer(device, "pagedDecode");
    super(device, spec, pool, 0);
  }

  private static CudaFunction tileKernel(CudaKernelDevice device, String variant, TileShape shape) {
    CudaFunction kernel = device.function("attention/" + variant, variant + "_tile");
    kernel.allowDynamicShared(shape.sharedBytes());
    return kernel;
  }

  @Override
  protected void prepare(PageTables batch) {
    tables.begin(batch);
    work.divide(batch, tables);
    tables.upload();
    rotation.update(batch.tokens(), tables.positions());
    states.reserve(Float.BYTES * work.states() * (heads().headDim() + 1L));
    long rows = (long) batch.tokens() * heads().queryHeads();
    device.reserve(
        2 * CudaRun.staged(Float.BYTES * rows * heads().headDim())
            + CudaRun.staged(Float.BYTES * rows));
    workspaceIs(tables.bytes() + rotation.bytes() + states.bytes());
  }

  @Override
  protected void execute(
      PageTables batch,
      int layer,
      Tensor q,
      AttentionBias bias,
      Tensor out,
      @Nullable Tensor lse,
      @Nullable Tensor scores) {
    try (CudaRun run = device.begin()) {
      final long query = run.input(q);
      final long to = run.output(out);
      final long logs = lse == null ? 0 : run.output(lse);
      final long stateLse = states.address() + Float.BYTES * work.states() * heads().headDim();
      KernelArguments arguments = run.arguments();
      pages.addTo(arguments);
      arguments
          .add(tables.lengths(layer))
          .add(tables.starts(layer))
          .add(tables.pages())
          .add(tables.address(work.firstItem(layer)))
          .add(work.chunkSlots())
          .add(query)
          .add(tables.positions())
          .add(spec().scale())
          .add(heads().kvHeads())
          .add(heads().group());
      rotation.addTo(arguments);
      Maskings.addTo(arguments, spec().masking());
      arguments.add(to).add(logs).add(states.address()).add(stateLse);
      run.launch(kernel, LaunchGrid.of(work.items(layer), threads).withShared(sharedBytes));
      if (work.merges(layer) > 0) {
        run.arguments()
            .add(tables.address(work.firstMerge(layer)))
            .add(states.address())
            .add(stateLse)
            .add(to)
            .add(logs)
            .add(heads().group())
            .add(heads().headDim());
        int warps = Math.min(4, heads().group());
        run.launch(
            merge,
            new LaunchGrid(
                work.merges(layer), Math.ceilDiv(heads().group(), warps), 1, 32, warps, 1, 0));
      }
      run.complete();
    }
  }

  @Override
  protected void release() {
    Resources.close(tables, rotation, states);
  }
}
