package dev.warpwright.tornado.attention;

import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.attention.AttentionBias;
import dev.warpwright.kernels.attention.Heads;
import dev.warpwright.kernels.attention.KvPool;
import dev.warpwright.kernels.attention.PageTables;
import dev.warpwright.kernels.attention.WindowScores;
import dev.warpwright.kernels.attention.WindowScoresSpec;
import dev.warpwright.kernels.attention.WindowStatistics;
import dev.warpwright.tornado.BySize;
import dev.warpwright.tornado.Program;
import dev.warpwright.tornado.Staged;
import dev.warpwright.tornado.TornadoKernelDevice;
import java.lang.foreign.MemorySegment;
import java.util.List;
import org.jspecify.annotations.Nullable;
import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/** {@link WindowScores} by {@link WindowKernel}. */
final class WindowScoresTornado extends WindowScores {
  private final KvPoolTornado pages;
  private final RotationTornado rotation;
  private final StepTable table = new StepTable();

  WindowScoresTornado(TornadoKernelDevice device, WindowScoresSpec spec, KvPool pool) {
    super(device, spec, pool, 0);
    pages = (KvPoolTornado) pool;
    rotation = new RotationTornado(spec.rope(), spec.window());
  }

  /**
   * Arrays of some sizes, and the kernel over them.
   *
   * @param numbers numbers of a step's tables
   * @param slots slots of a layer
   * @param numbered whether they have {@link SlotNumbers}
   * @param stride logarithms that are kept of each head
   */
  private record Size(
      Heads heads, int pairs, int numbers, int slots, boolean numbered, int stride) {}

  private static final class Arrays {
    final Program.Kernel kernel;
    final IntArray step;
    final FloatArray reals;
    final FloatArray slots;
    final FloatArray q;
    final FloatArray lse;

    /** Sums, means, variances and entropies of the slots. */
    final FloatArray results;

    Arrays(KvPoolTornado pool, Size size, int tokens) {
      long entries = (long) tokens * size.heads.queryHeads();
      step = Staged.ints(size.numbers);
      reals = StepReals.allocate(size.heads, tokens, size.pairs);
      slots = Staged.floats(size.numbered ? SlotNumbers.WIDTH * (long) size.slots : 0);
      q = Staged.floats(entries * size.heads.headDim());
      lse = Staged.floats(entries);
      results = Staged.floats(WindowKernel.RESULTS * (long) size.slots);
      FloatArray logs = Staged.floats(entries * size.stride);
      KernelContext context = new KernelContext();
      kernel =
          pool.program()
              .add(
                  "windowScores",
                  List.of(step, reals, slots, q, lse),
                  List.of(results),
                  false,
                  List.of(
                      graph ->
                          graph.task(
                              Program.task(0),
                              WindowKernel::observe,
                              context,
                              pool.type(),
                              step,
                              reals,
                              slots,
                              q,
                              lse,
                              pool.keys().floats,
                              pool.keys().shorts,
                              pool.keys().bytes,
                              pool.positions(),
                              logs),
                      graph ->
                          graph.task(
                              Program.task(1),
                              WindowKernel::summarise,
                              context,
                              step,
                              reals,
                              logs,
                              results)));
    }
  }

  @Override
  protected void prepare(PageTables batch) {
    rotation.update(batch);
  }

  @Override
  protected void execute(
      PageTables batch,
      int layer,
      Tensor q,
      AttentionBias bias,
      Tensor lse,
      WindowStatistics result) {
    int tokens = StepTable.tokens(batch, spec().window());
    if (tokens == 0) {
      clear(result.sum());
      clear(result.mean());
      clear(result.variance());
      clear(result.entropy());
      return;
    }
    int stride = BySize.capacity(batch.maxLength(), Integer.MAX_VALUE);
    boolean numbered = SlotNumbers.wanted(pages, bias);
    table.fill(
        batch, layer, heads(), spec().masking(), rotation, spec().window(), stride, numbered);
    int slots = Math.toIntExact(batch.slots(layer));
    int capacity = BySize.capacity(slots, Integer.MAX_VALUE);
    Size size = new Size(heads(), rotation.pairs(), table.capacity(), capacity, numbered, stride);
    synchronized (pages.program()) {
      Arrays run =
          pages.kernel(
              size, BySize.capacity(tokens, Integer.MAX_VALUE), n -> new Arrays(pages, size, n));
      table.copyTo(run.step);
      StepReals.fill(
          run.reals,
          heads(),
          spec().scale(),
          spec().masking(),
          spec().reduction().factor(heads().group()),
          bias,
          rotation);
      if (numbered) {
        SlotNumbers.fill(run.slots, pages, batch, layer, bias);
      }
      copyObserving(batch, q, run.q);
      copyObserving(batch, lse, run.lse);
      int rows = batch.requests() * heads().kvHeads();
      pages
          .program()
          .run(run.kernel, tokens * heads().queryHeads(), Staged.groups((long) rows * stride));
      put(run.results, 0, slots, result.sum());
      put(run.results, 1, slots, result.mean());
      put(run.results, 2, slots, result.variance());
      put(run.results, 3, slots, result.entropy());
    }
  }

  /** Copies the rows of the observing query tokens. */
  private void copyObserving(PageTables batch, Tensor from, FloatArray to) {
    long token = from.size(0) == 0 ? 0 : from.bytes() / from.size(0);
    long at = 0;
    for (int request = 0; request < batch.requests(); request++) {
      int rows = rows(batch, request);
      long first = batch.tokenStart(request) + (long) batch.newTokens(request) - rows;
      MemorySegment.copy(from.segment(), first * token, to.getSegment(), at * token, rows * token);
      at += rows;
    }
  }

  private static void clear(@Nullable Tensor result) {
    if (result != null) {
      result.segment().fill((byte) 0);
    }
  }

  private static void put(FloatArray from, int number, int slots, @Nullable Tensor to) {
    if (to != null) {
      long bytes = (long) slots * Float.BYTES;
      MemorySegment.copy(from.getSegment(), number * bytes, to.segment(), 0, bytes);
    }
  }

  @Override
  protected void release() {}
}
