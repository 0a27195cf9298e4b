package dev.warpwright.attention;

import dev.warpwright.kernels.Checks;
import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.DeviceTensor;
import dev.warpwright.kernels.KernelDevice;
import dev.warpwright.kernels.Resource;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.attention.AttentionBias;
import dev.warpwright.kernels.attention.AttentionKernels;
import dev.warpwright.kernels.attention.Heads;
import dev.warpwright.kernels.attention.KvPool;
import dev.warpwright.kernels.attention.PageBounds;
import dev.warpwright.kernels.attention.PageBoundsSpec;
import dev.warpwright.kernels.attention.PageBoundsSpec.Scope;
import dev.warpwright.kernels.attention.PageTables;
import dev.warpwright.kernels.attention.PagedDecode;
import dev.warpwright.kernels.attention.PagedDecodeSpec;
import dev.warpwright.kernels.attention.ScorePages;
import dev.warpwright.kernels.attention.ScorePagesSpec;
import dev.warpwright.kernels.attention.ScorePagesSpec.Estimate;
import dev.warpwright.kernels.attention.ScorePagesSpec.Reduction;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Deque;
import org.jspecify.annotations.Nullable;

/**
 * Attention of new tokens to few pages of the cache: those in which the query may find most, by the
 * smallest and largest elements of their keys. What is not chosen stays in the cache, so that later
 * tokens may look into it. Steps of several tokens, and the first layers, look into everything, by
 * way of a {@link PagedAttention}, which also appends.
 *
 * <p>Pages are judged by the products of queries and keys only: slopes, the counts of merged tokens
 * and sink logits count in the attention, not in the choice of pages.
 *
 * <p>With {@link PageSelection#frames} a token looks into what lies in a small fast memory of each
 * row, after the pages that it asks for were brought there; {@link #paging} counts how many had to
 * be. That decides what is looked into and tells what would be moved; this class moves nothing, all
 * pages lie in the cache's one pool.
 *
 * <p>Sources: Tang et al. 2024 (Quest, arXiv 2406.10774), Zeng et al. 2025 (MPCache, arXiv
 * 2501.06807). In layers that choose, steps of one token are not observed by the cache.
 */
public final class SelectiveAttention implements Attention {
  private final PagedAttention attention;
  private final PageSelection selection;
  private final KernelDevice device;
  private final Heads heads;
  private final Deque<Resource> owned = new ArrayDeque<>();
  private final PageBounds newBounds;
  private final PageBounds allBounds;
  private final ScorePages scores;
  private final PagedDecode decode;
  private final Tensor bounds;
  private final BoundedPages known;
  private final ScoreNotes notes;
  private final AttentionBias[] biases;
  private final @Nullable FastPages fast;

  /** Pages that the last choosing layer chose, by row of a layer, and the step it was in. */
  private int[][] chosen = new int[0][];

  private @Nullable PageTables chosenIn;

  /** Attention on {@code device} over the cache of {@code spec}; the spec's limits hold. */
  public SelectiveAttention(KernelDevice device, AttentionSpec spec, PageSelection selection) {
    Checks.notNull("spec", spec);
    this.selection = Checks.notNull("selection", selection);
    this.device = device;
    KvPool pool = spec.cache().pool();
    KvCacheSpec sizes = spec.cache().spec();
    // One layer at a time: each has other pages.
    heads = new Heads(1, spec.queryHeads(), sizes.kvHeads(), sizes.headDim());
    known = new BoundedPages(spec.cache());
    notes = spec.cache().notes();
    biases = new AttentionBias[sizes.layers()];
    Arrays.fill(biases, notes.counted(AttentionBias.NONE));
    fast =
        selection.frames() == 0
            ? null
            : new FastPages(sizes.rows(), selection.pages(), selection.frames());
    AttentionKernels kernels = device.attention();
    boolean bound = Float.isNaN(selection.mix());
    try {
      attention = own(new PagedAttention(device, spec));
      newBounds =
          own(
              kernels.pageBounds(
                  new PageBoundsSpec(heads, pool.spec(), spec.maxBatch(), Scope.NEW_TOKENS), pool));
      allBounds =
          own(
              kernels.pageBounds(
                  new PageBoundsSpec(heads, pool.spec(), spec.maxBatch(), Scope.ALL_TOKENS), pool));
      scores =
          own(
              kernels.scorePages(
                  new ScorePagesSpec(
                      heads,
                      pool.spec(),
                      spec.maxBatch(),
                      spec.rope(),
                      spec.scale(),
                      bound ? Estimate.BOUND : Estimate.MIX,
                      bound ? 1 : selection.mix(),
                      Reduction.MAX),
                  pool));
      decode =
          own(
              kernels.pagedDecode(
                  new PagedDecodeSpec(
                      heads,
                      pool.spec(),
                      spec.maxBatch(),
                      spec.maxLength(),
                      spec.rope(),
                      spec.scale(),
                      spec.masking()),
                  pool));
      DeviceTensor memory =
          own(device.allocate(DType.F32, pool.spec().headPages(), 2, sizes.headDim()));
      bounds = memory.tensor();
    } catch (RuntimeException e) {
      close();
      throw e;
    }
  }

  private <R extends Resource> R own(R resource) {
    owned.push(resource);
    return resource;
  }

  @Override
  public void bias(int layer, AttentionBias bias) {
    attention.bias(layer, bias);
    biases[layer] = notes.counted(bias);
  }

  @Override
  public void append(int layer, Batch batch, Tensor k, Tensor v) {
    attention.append(layer, batch, k, v);
  }

  /**
   * Attends to the pages that are chosen for each row, or to all in a step of several tokens and in
   * the first layers. Layers must be taken in their order.
   *
   * <p>Arguments as in {@link Attention#attend}.
   */
  @Override
  public void attend(int layer, Batch batch, Tensor q, Tensor out) {
    if (!batch.isDecode() || layer < selection.denseLayers()) {
      attention.attend(layer, batch, q, out);
      return;
    }
    PageTables whole = known.layerTables(layer, batch);
    PageBounds look = known.grewOnly(layer, batch) ? newBounds : allBounds;
    look.update(whole);
    look.run(0, bounds);
    known.noted(layer, batch);
    boolean leads = (layer - selection.denseLayers()) % selection.sharing() == 0;
    if (leads || chosenIn == null || !fits(whole)) {
      choose(layer, batch, whole, q);
    }
    PageTables few = few(whole);
    decode.update(few);
    decode.run(0, q, biases[layer], out, null, null);
  }

  /** Whether what was chosen is for rows of as many pages. */
  private boolean fits(PageTables whole) {
    PageTables before = chosenIn;
    int rows = whole.requests() * whole.kvHeads();
    boolean fits = before != null && before.requests() == whole.requests();
    for (int row = 0; row < rows && fits && before != null; row++) {
      fits = before.usedPageCount(row) == whole.usedPageCount(row);
    }
    return fits;
  }

  private void choose(int layer, Batch batch, PageTables whole, Tensor q) {
    int count = whole.usedPages(0);
    scores.update(whole);
    float[] found = new float[count];
    try (DeviceTensor memory = device.allocate(DType.F32, count)) {
      scores.run(0, q, bounds, memory.tensor());
      Tensor copy = Tensor.wrap(found, count);
      device.copy(memory.tensor(), copy);
    }
    int rows = whole.requests() * whole.kvHeads();
    chosen = new int[rows][];
    for (int row = 0; row < rows; row++) {
      int first = selection.acrossHeads() ? row / whole.kvHeads() * whole.kvHeads() : row;
      int last = selection.acrossHeads() ? first + whole.kvHeads() - 1 : row;
      int head = row % whole.kvHeads();
      chosen[row] =
          fast == null
              ? BestPages.of(whole, found, row, first, last, selection.pages())
              : fast.of(
                  batch.sequence(row / whole.kvHeads()),
                  batch.cache().row(layer, head),
                  whole,
                  row,
                  found,
                  first,
                  last);
    }
    chosenIn = whole;
  }

  /**
   * What the fast memories of a sequence's rows did since the last eviction from it; nothing where
   * the selection has none.
   */
  public PagingStatistics paging(Sequence sequence) {
    Checks.notNull("sequence", sequence);
    return fast == null ? PagingStatistics.NONE : fast.statistics(sequence);
  }

  /** Tables of the chosen pages. */
  private PageTables few(PageTables whole) {
    PageTables few = new PageTables(1, whole.kvHeads(), whole.pageSize()).begin(whole.requests());
    for (int request = 0; request < whole.requests(); request++) {
      few.request(1, whole.firstPosition(request));
    }
    for (int row = 0; row < chosen.length; row++) {
      int[] pages = new int[chosen[row].length];
      for (int i = 0; i < pages.length; i++) {
        pages[i] = whole.page(row, chosen[row][i]);
      }
      // All but the last page are full.
      int missing = whole.usedPageCount(row) * whole.pageSize() - whole.length(row);
      few.row(pages.length * whole.pageSize() - missing, pages, 0, pages.length);
    }
    return few;
  }

  @Override
  public void close() {
    while (!owned.isEmpty()) {
      owned.pop().close();
    }
  }
}
