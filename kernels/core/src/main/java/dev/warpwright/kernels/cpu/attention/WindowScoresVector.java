package dev.warpwright.kernels.cpu.attention;

import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.WorkerPool;
import dev.warpwright.kernels.attention.AttentionBias;
import dev.warpwright.kernels.attention.KvPool;
import dev.warpwright.kernels.attention.PageTables;
import dev.warpwright.kernels.attention.WindowScores;
import dev.warpwright.kernels.attention.WindowScoresSpec;
import dev.warpwright.kernels.attention.WindowStatistics;
import dev.warpwright.kernels.cpu.HostDevice;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * Statistics of the last queries; one chunk of work is a few slots of one row, which all observing
 * rows pass over in their order.
 */
final class WindowScoresVector extends WindowScores {
  private static final int CHUNK = LogitTile.CHUNK;

  /** Columns whose queries are set up together, as far as the group allows. */
  private static final int TILE_COLUMNS = 32;

  private final WorkerPool workers;
  private final LogitTile[] tiles;
  private final SlotMoments[] moments;
  private final RopeTable rotation;
  private final int tileTokens;

  /** Number of the first chunk of each row, over all layers. */
  private int[] firstChunk = new int[1];

  // The arguments of the run that is under way: fields, so that a run makes no closure.
  private final WorkerPool.ChunkTask observe = this::observe;
  private PageTables batch = new PageTables(1, 1, 1);
  private int layer;
  private AttentionBias bias = AttentionBias.NONE;
  private MemorySegment q = MemorySegment.NULL;
  private MemorySegment lse = MemorySegment.NULL;
  private WindowStatistics result = new WindowStatistics(null, null, null, null);

  WindowScoresVector(HostDevice device, WindowScoresSpec spec, KvPool pool) {
    super(device, spec, pool, 0);
    workers = device.pool();
    rotation = new RopeTable(spec.rope());
    int group = spec.heads().group();
    tileTokens = Math.max(1, TILE_COLUMNS / group);
    tiles = new LogitTile[workers.threads()];
    moments = new SlotMoments[workers.threads()];
    for (int i = 0; i < tiles.length; i++) {
      tiles[i] = new LogitTile((KvPoolVector) pool, spec.masking(), tileTokens * group);
      moments[i] = new SlotMoments(group, spec.reduction().factor(group));
    }
    workspaceIs(bytes());
  }

  private long bytes() {
    return workers.threads() * (tiles[0].bytes() + moments[0].bytes())
        + rotation.bytes()
        + (long) Integer.BYTES * firstChunk.length;
  }

  @Override
  protected void prepare(PageTables next) {
    rotation.update(next);
    int rows = next.rowOf(next.layers(), 0, 0);
    if (firstChunk.length < rows + 1) {
      firstChunk = new int[rows + 1];
    }
    for (int row = 0; row < rows; row++) {
      firstChunk[row + 1] = firstChunk[row] + (next.length(row) + CHUNK - 1) / CHUNK;
    }
    workspaceIs(bytes());
  }

  @Override
  protected void execute(
      PageTables step,
      int ofLayer,
      Tensor queries,
      AttentionBias ofBias,
      Tensor lses,
      WindowStatistics to) {
    batch = step;
    layer = ofLayer;
    bias = ofBias;
    q = queries.segment();
    lse = lses.segment();
    result = to;
    workers.run(
        firstChunk[step.rowOf(layer + 1, 0, 0)] - firstChunk[step.rowOf(layer, 0, 0)], observe);
  }

  private void observe(int index, int worker) {
    int firstRow = batch.rowOf(layer, 0, 0);
    int chunk = firstChunk[firstRow] + index;
    int row = RowSearch.last(firstChunk, firstRow, batch.rowOf(layer + 1, 0, 0), chunk);
    int request = (row - firstRow) / heads().kvHeads();
    int kvHead = (row - firstRow) % heads().kvHeads();
    int slot = (chunk - firstChunk[row]) * CHUNK;
    int count = Math.min(CHUNK, batch.length(row) - slot);
    int rows = rows(batch, request);
    SlotMoments slots = moments[worker];
    slots.begin();
    for (int from = 0; from < rows; from += tileTokens) {
      int tokens = Math.min(tileTokens, rows - from);
      int firstToken = batch.newTokens(request) - rows + from;
      observe(tiles[worker], slots, request, kvHead, row, slot, count, firstToken, tokens, from);
    }
    slots.write(result, batch.slotStart(row) + slot, count, rows);
  }

  /** Takes some query tokens of a request into the statistics of a chunk of slots. */
  private void observe(
      LogitTile tile,
      SlotMoments slots,
      int request,
      int kvHead,
      int row,
      int slot,
      int count,
      int firstToken,
      int tokens,
      int rowsBefore) {
    int group = heads().group();
    int columns = tokens * group;
    tile.begin(columns);
    tile.slotBias(bias.slotBias());
    for (int column = 0; column < columns; column++) {
      int inRequest = firstToken + column / group;
      int token = batch.tokenStart(request) + inRequest;
      tile.query(
          column,
          q,
          entry(token, kvHead, column % group) * heads().headDim() * Float.BYTES,
          rotation,
          token,
          batch.position(request, inRequest),
          spec().scale(),
          Biases.slope(bias, kvHead * group + column % group));
    }
    boolean seen = tile.open(batch, row, slot, count);
    for (int first = 0; first < columns; first += LogitTile.COLUMNS) {
      float[] logits = seen ? tile.compute(first) : null;
      for (int column = first; column < Math.min(columns, first + LogitTile.COLUMNS); column++) {
        int token = batch.tokenStart(request) + firstToken + column / group;
        int number = rowsBefore + column / group + 1;
        if (logits == null) {
          slots.addNothing(column % group, number);
        } else {
          float log =
              lse.get(
                  ValueLayout.JAVA_FLOAT_UNALIGNED,
                  entry(token, kvHead, column % group) * Float.BYTES);
          slots.add(column % group, number, logits, (column - first) * CHUNK, log);
        }
      }
    }
  }

  /** Number of a (token, query head). */
  private long entry(int token, int kvHead, int inGroup) {
    return ((long) token * heads().kvHeads() + kvHead) * heads().group() + inGroup;
  }

  @Override
  protected void release() {}
}
