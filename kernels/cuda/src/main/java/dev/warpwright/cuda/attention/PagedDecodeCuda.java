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
import dev.warpwright.kernels.attention.ScoreReduction;
import org.jspecify.annotations.Nullable;

/**
 * Starts {@code paged_decode.cuh}, or {@code paged_prefill.cuh} for groups that are large enough
 * for matrix instructions, and then {@code paged_decode.cu} for rows that were cut and for scores.
 */
final class PagedDecodeCuda extends PagedDecode {
  private static final int THREADS = 128;
  private static final int SCORE_THREADS = 128;

  /** The largest group that is faster without matrix instructions. */
  private static final int MOST_LANES_GROUP = 4;

  private final CudaKernelDevice device;
  private final KvPoolCuda pages;
  private final CudaFunction kernel;
  private final int threads;
  private final int sharedBytes;
  private final CudaFunction merge;
  private final CudaFunction score;
  private final StepTables tables;
  private final RotationCuda rotation;
  private final DecodeWork work;
  private final GrowingBuffer states;

  /** Logits of all query heads for the slots of a layer, then the log-sum-exps. */
  private final GrowingBuffer kept;

  /** Most slots of a layer in the batch; 0 where no scores are wanted. */
  private long slots;

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
    score = device.function("attention/paged_decode", "paged_decode_scores");
    tables = new StepTables(device, "pagedDecode");
    rotation = new RotationCuda(device, spec.rope(), "pagedDecode");
    states = new GrowingBuffer(device, "pagedDecode");
    kept = new GrowingBuffer(device, "pagedDecode scores");
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
    if (wantsScores()) {
      tables.addSlotStarts(batch);
    }
    tables.upload();
    rotation.update(batch.tokens(), tables.positions());
    states.reserve(Float.BYTES * work.states() * (heads().headDim() + 1L));
    long rows = (long) batch.tokens() * heads().queryHeads();
    slots = wantsScores() ? StepTables.mostSlots(batch) : 0;
    if (wantsScores()) {
      kept.reserve(Float.BYTES * (slots * heads().group() + rows));
    }
    device.reserve(
        2 * CudaRun.staged(Float.BYTES * rows * heads().headDim())
            + CudaRun.staged(Float.BYTES * rows)
            + CudaRun.staged(Float.BYTES * slots)
            + Maskings.staged(spec().masking(), heads()));
    workspaceIs(tables.bytes() + rotation.bytes() + states.bytes() + kept.bytes());
  }

  private boolean wantsScores() {
    return spec().scores() != ScoreReduction.NONE;
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
      final long ofCaller = lse == null ? 0 : run.output(lse);
      final long logs =
          scores == null || lse != null
              ? ofCaller
              : kept.address() + Float.BYTES * slots * heads().group();
      final long slopes = Maskings.slopes(run, bias);
      final long sinks = Maskings.sinks(run, bias);
      final long stateLse = states.address() + Float.BYTES * work.states() * heads().headDim();
      KernelArguments arguments = run.arguments();
      pages.addTo(arguments);
      tables.addTo(arguments, layer);
      arguments
          .add(tables.address(work.firstItem(layer)))
          .add(work.chunks().slots())
          .add(query)
          .add(tables.positions())
          .add(spec().scale())
          .add(heads().kvHeads())
          .add(heads().group());
      rotation.addTo(arguments);
      Maskings.addTo(arguments, spec().masking());
      arguments
          .add(slopes)
          .add(sinks)
          .add(Maskings.slots(bias))
          .add(to)
          .add(logs)
          .add(states.address())
          .add(stateLse)
          .add(kept.address())
          .add(tables.slotStarts(layer));
      pages.addScalesTo(arguments);
      run.launch(kernel, LaunchGrid.of(work.items(layer), threads).withShared(sharedBytes));
      if (work.merges(layer) > 0) {
        run.arguments()
            .add(tables.address(work.firstMerge(layer)))
            .add(states.address())
            .add(stateLse)
            .add(sinks)
            .add(to)
            .add(logs)
            .add(heads().kvHeads())
            .add(heads().group())
            .add(heads().headDim());
        int warps = Math.min(4, heads().group());
        run.launch(
            merge,
            new LaunchGrid(
                work.merges(layer), Math.ceilDiv(heads().group(), warps), 1, 32, warps, 1, 0));
      }
      if (scores != null) {
        score(run, layer, logs, run.output(scores));
      }
      run.complete();
    }
  }

  /** Turns the logits of a layer into scores. */
  private void score(CudaRun run, int layer, long logs, long to) {
    run.arguments()
        .add(tables.address(work.chunks().first(layer)))
        .add(work.chunks().slots())
        .add(tables.lengths(layer))
        .add(kept.address())
        .add(tables.slotStarts(layer))
        .add(logs)
        .add(to)
        .add(heads().group())
        .add(spec().scores().factor(heads().group()));
    run.launch(score, LaunchGrid.of(work.chunks().count(layer), SCORE_THREADS));
  }

  @Override
  protected void release() {
    Resources.close(tables, rotation, states, kept);
  }
}
