package dev.warpwright.kernels.cpu.attention;

import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.WorkerPool;
import dev.warpwright.kernels.attention.AttentionBias;
import dev.warpwright.kernels.attention.KvPool;
import dev.warpwright.kernels.attention.PageTables;
import dev.warpwright.kernels.attention.PagedDecode;
import dev.warpwright.kernels.attention.PagedDecodeSpec;
import dev.warpwright.kernels.attention.ScoreReduction;
import dev.warpwright.kernels.cpu.HostDevice;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * Attention of one token a request. Rows are cut into splits of a fixed number of slots; one chunk
 * of work is one split, and what the splits of a row give is merged in slot order afterwards. So
 * one long row keeps all threads busy, and bits depend on nothing but the row.
 */
final class PagedDecodeVector extends PagedDecode {
  /** Slots of a split: a megabyte of keys and values at headDim 128. */
  private static final int SPLIT = 1024;

  private final WorkerPool workers;
  private final AttentionTile[] tiles;

  /** Scratch memory for C kernels; empty without them. */
  private final NativeTile[] natives;

  private final float[][] sums;
  private final RopeTable rotation;
  private final DecodeScores scores;
  private final int group;
  private final int paddedDim;

  /** Number of the first split of each row, over all layers. */
  private int[] firstSplit = new int[1];

  // What each split of the layer gives, a column at a time: largest logits, sums and outputs.
  private float[][] outs = new float[0][];
  private float[] mosts = new float[0];
  private float[] totals = new float[0];

  // What the rows of the layer give, a column at a time, kept for the scores.
  private float[] rowMosts = new float[0];
  private float[] rowTotals = new float[0];

  // The arguments of the run that is under way: fields, so that a run makes no closure.
  private final WorkerPool.ChunkTask attend = this::attend;
  private final WorkerPool.ChunkTask merge = this::merge;
  private final WorkerPool.ChunkTask writeScores = this::writeScores;
  private PageTables batch = new PageTables(1, 1, 1);
  private int layer;
  private AttentionBias bias = AttentionBias.NONE;
  private MemorySegment q = MemorySegment.NULL;
  private MemorySegment out = MemorySegment.NULL;
  private MemorySegment lse = MemorySegment.NULL;
  private MemorySegment scoresOut = MemorySegment.NULL;

  PagedDecodeVector(HostDevice device, PagedDecodeSpec spec, KvPool pool) {
    super(device, spec, pool, 0);
    workers = device.pool();
    rotation = new RopeTable(spec.rope());
    group = spec.heads().group();
    scores =
        spec.scores() == ScoreReduction.NONE
            ? DecodeScores.none()
            : new DecodeScores(group, spec.scores().factor(group));
    paddedDim = ((KvPoolVector) pool).layout().paddedDim();
    tiles = new AttentionTile[workers.threads()];
    for (int i = 0; i < tiles.length; i++) {
      tiles[i] = new AttentionTile((KvPoolVector) pool, spec.masking(), group);
    }
    KvPoolVector pages = (KvPoolVector) pool;
    natives = new NativeTile[NativeTile.isFor(device, pages) ? workers.threads() : 0];
    for (int i = 0; i < natives.length; i++) {
      natives[i] = new NativeTile(pages, spec);
    }
    sums = new float[workers.threads()][paddedDim];
    workspaceIs(bytes());
  }

  private long bytes() {
    long perSplit = (long) Float.BYTES * group * (paddedDim + 2);
    return workers.threads() * (tiles[0].bytes() + (long) Float.BYTES * paddedDim)
        + (natives.length == 0 ? 0 : natives.length * natives[0].bytes())
        + rotation.bytes()
        + (long) Integer.BYTES * firstSplit.length
        + perSplit * outs.length
        + (long) Float.BYTES * (rowMosts.length + rowTotals.length)
        + scores.bytes();
  }

  @Override
  protected void prepare(PageTables next) {
    rotation.update(next);
    int layerRows = next.requests() * next.kvHeads();
    int rows = next.layers() * layerRows;
    if (firstSplit.length < rows + 1) {
      firstSplit = new int[rows + 1];
    }
    int most = 0;
    for (int row = 0; row < rows; row++) {
      firstSplit[row + 1] = firstSplit[row] + (next.length(row) + SPLIT - 1) / SPLIT;
      most = Math.max(most, firstSplit[row + 1] - firstSplit[row / layerRows * layerRows]);
    }
    if (outs.length < most) {
      int before = outs.length;
      outs = Arrays.copyOf(outs, most);
      for (int split = before; split < most; split++) {
        outs[split] = new float[group * paddedDim];
      }
      mosts = new float[most * group];
      totals = new float[most * group];
    }
    scores.reserve(most, Math.min(SPLIT, next.maxLength()));
    if (rowMosts.length < layerRows * group) {
      rowMosts = new float[layerRows * group];
      rowTotals = new float[layerRows * group];
    }
    workspaceIs(bytes());
  }

  @Override
  protected void execute(
      PageTables step,
      int ofLayer,
      Tensor queries,
      AttentionBias ofBias,
      Tensor outputs,
      @Nullable Tensor lses,
      @Nullable Tensor toScores) {
    batch = step;
    layer = ofLayer;
    bias = ofBias;
    q = queries.segment();
    out = outputs.segment();
    lse = lses == null ? MemorySegment.NULL : lses.segment();
    int splits = firstSplit[layerRow() + layerRows()] - firstSplit[layerRow()];
    workers.run(splits, attend);
    workers.run(layerRows(), merge);
    if (toScores != null) {
      scoresOut = toScores.segment();
      workers.run(splits, writeScores);
    }
  }

  private int layerRows() {
    return batch.requests() * heads().kvHeads();
  }

  private int layerRow() {
    return layer * layerRows();
  }

  private void attend(int chunk, int worker) {
    int split = firstSplit[layerRow()] + chunk;
    int row = RowSearch.last(firstSplit, layerRow(), layerRow() + layerRows(), split);
    int request = (row - layerRow()) / heads().kvHeads();
    int kvHead = (row - layerRow()) % heads().kvHeads();
    int from = (split - firstSplit[row]) * SPLIT;
    int to = Math.min(batch.length(row), from + SPLIT);
    if (natives.length > 0 && attend(chunk, natives[worker], request, kvHead, row, from, to)) {
      return;
    }
    AttentionTile tile = tiles[worker];
    tile.begin(group);
    tile.logits().slotBias(bias.slotBias());
    for (int column = 0; column < group; column++) {
      tile.logits()
          .query(
              column,
              q,
              entry(request, kvHead, column) * heads().headDim() * Float.BYTES,
              rotation,
              request,
              batch.firstPosition(request),
              spec().scale(),
              Biases.slope(bias, kvHead * group + column));
    }
    tile.attend(batch, row, from, to, scores, chunk);
    System.arraycopy(tile.outs(), 0, outs[chunk], 0, group * paddedDim);
    for (int column = 0; column < group; column++) {
      mosts[chunk * group + column] = tile.most(column);
      totals[chunk * group + column] = tile.sum(column);
    }
  }

  /** In C; says no if the pages must be read another way. */
  private boolean attend(
      int chunk, NativeTile tile, int request, int kvHead, int row, int from, int to) {
    for (int column = 0; column < group; column++) {
      tile.query(
          column,
          q,
          entry(request, kvHead, column) * heads().headDim() * Float.BYTES,
          rotation,
          request,
          batch.firstPosition(request),
          spec().scale(),
          Biases.slope(bias, kvHead * group + column));
    }
    if (!tile.attend(batch, row, from, to, bias.slotBias(), scores, chunk)) {
      return false;
    }
    tile.copyOuts(outs[chunk]);
    for (int column = 0; column < group; column++) {
      mosts[chunk * group + column] = tile.most(column);
      totals[chunk * group + column] = tile.sum(column);
    }
    return true;
  }

  private void merge(int chunk, int worker) {
    int row = layerRow() + chunk;
    int from = firstSplit[row] - firstSplit[layerRow()];
    int to = firstSplit[row + 1] - firstSplit[layerRow()];
    float[] sum = sums[worker];
    for (int column = 0; column < group; column++) {
      float most = Float.NEGATIVE_INFINITY;
      for (int split = from; split < to; split++) {
        most = Math.max(most, mosts[split * group + column]);
      }
      float total = 0;
      Arrays.fill(sum, 0);
      // A split without a visible slot would give −∞ − (−∞), which is no number.
      for (int split = from; split < to && most != Float.NEGATIVE_INFINITY; split++) {
        float weight = (float) Math.exp(mosts[split * group + column] - most);
        if (weight == 0) {
          continue; // its sums may be infinite
        }
        total += weight * totals[split * group + column];
        for (int dim = 0; dim < paddedDim; dim++) {
          sum[dim] += weight * outs[split][column * paddedDim + dim];
        }
      }
      int kvHead = chunk % heads().kvHeads();
      float sink = Biases.sink(bias, kvHead * group + column);
      rowMosts[chunk * group + column] = most;
      rowTotals[chunk * group + column] = (float) SoftmaxState.denominator(most, total, sink);
      SoftmaxState.write(
          most,
          total,
          sink,
          sum,
          0,
          tiles[worker].kernels(),
          tiles[worker].outScale(),
          heads().headDim(),
          entry(chunk / heads().kvHeads(), kvHead, column),
          out,
          lse);
    }
  }

  private void writeScores(int chunk, int worker) {
    int split = firstSplit[layerRow()] + chunk;
    int row = RowSearch.last(firstSplit, layerRow(), layerRow() + layerRows(), split);
    int from = (split - firstSplit[row]) * SPLIT;
    int slots = Math.min(SPLIT, batch.length(row) - from);
    int at = (row - layerRow()) * group;
    scores.write(chunk, slots, rowMosts, rowTotals, at, scoresOut, batch.slotStart(row) + from);
  }

  /** Number of a (request, query head). */
  private long entry(int request, int kvHead, int inGroup) {
    return ((long) request * heads().kvHeads() + kvHead) * group + inGroup;
  }

  @Override
  protected void release() {}
}
