package dev.warpwright.kernels.cpu.attention;

import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.WorkerPool;
import dev.warpwright.kernels.attention.AttentionBias;
import dev.warpwright.kernels.attention.KvPool;
import dev.warpwright.kernels.attention.PageTables;
import dev.warpwright.kernels.attention.PagedPrefill;
import dev.warpwright.kernels.attention.PagedPrefillSpec;
import dev.warpwright.kernels.cpu.HostDevice;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/** Attention of several tokens a request; one chunk of work is a few tokens of one kv head. */
final class PagedPrefillVector extends PagedPrefill {
  /** Columns that share one pass over keys and values, as far as the group allows. */
  private static final int TILE_COLUMNS = 32;

  private final WorkerPool workers;
  private final AttentionTile[] tiles;
  private final RopeTable rotation;
  private final DecodeScores noScores = DecodeScores.none();
  private final int tileTokens;
  private int[] firstTile = new int[1];

  // The arguments of the run that is under way: fields, so that a run makes no closure.
  private final WorkerPool.ChunkTask attend = this::attend;
  private PageTables batch = new PageTables(1, 1, 1);
  private int layer;
  private AttentionBias bias = AttentionBias.NONE;
  private MemorySegment q = MemorySegment.NULL;
  private MemorySegment out = MemorySegment.NULL;
  private MemorySegment lse = MemorySegment.NULL;

  PagedPrefillVector(HostDevice device, PagedPrefillSpec spec, KvPool pool) {
    super(device, spec, pool, 0);
    workers = device.pool();
    rotation = new RopeTable(spec.rope());
    int group = spec.heads().group();
    tileTokens = Math.max(1, TILE_COLUMNS / group);
    tiles = new AttentionTile[workers.threads()];
    for (int i = 0; i < tiles.length; i++) {
      tiles[i] = new AttentionTile((KvPoolVector) pool, spec.masking(), tileTokens * group);
    }
    workspaceIs(bytes());
  }

  private long bytes() {
    return workers.threads() * tiles[0].bytes()
        + rotation.bytes()
        + (long) Integer.BYTES * firstTile.length;
  }

  @Override
  protected void prepare(PageTables next) {
    rotation.update(next);
    if (firstTile.length < next.requests() + 1) {
      firstTile = new int[next.requests() + 1];
    }
    for (int request = 0; request < next.requests(); request++) {
      int count = (next.newTokens(request) + tileTokens - 1) / tileTokens;
      firstTile[request + 1] = firstTile[request] + count;
    }
    workspaceIs(bytes());
  }

  @Override
  protected void execute(
      PageTables step,
      int ofLayer,
      Tensor queries,
      AttentionBias ofBias,
      Tensor outs,
      @Nullable Tensor lses) {
    batch = step;
    layer = ofLayer;
    bias = ofBias;
    q = queries.segment();
    out = outs.segment();
    lse = lses == null ? MemorySegment.NULL : lses.segment();
    workers.run(firstTile[step.requests()] * heads().kvHeads(), attend);
  }

  private void attend(int chunk, int worker) {
    int tileNumber = chunk / heads().kvHeads();
    int kvHead = chunk % heads().kvHeads();
    int request = RowSearch.last(firstTile, 0, batch.requests(), tileNumber);
    int firstToken = (tileNumber - firstTile[request]) * tileTokens;
    int tokens = Math.min(tileTokens, batch.newTokens(request) - firstToken);
    int group = heads().group();
    AttentionTile tile = tiles[worker];
    tile.begin(tokens * group);
    tile.logits().slotBias(bias.slotBias());
    for (int column = 0; column < tokens * group; column++) {
      int inRequest = firstToken + column / group;
      int token = batch.tokenStart(request) + inRequest;
      tile.logits()
          .query(
              column,
              q,
              entry(token, kvHead, column % group) * heads().headDim() * Float.BYTES,
              rotation,
              token,
              batch.position(request, inRequest),
              spec().scale(),
              Biases.slope(bias, kvHead * group + column % group));
    }
    int row = batch.rowOf(layer, request, kvHead);
    tile.attend(batch, row, 0, batch.length(row), noScores, 0);
    for (int column = 0; column < tokens * group; column++) {
      int token = batch.tokenStart(request) + firstToken + column / group;
      SoftmaxState.write(
          tile.most(column),
          tile.sum(column),
          Biases.sink(bias, kvHead * group + column % group),
          tile.outs(),
          tile.outAt(column),
          tile.kernels(),
          tile.outScale(),
          heads().headDim(),
          entry(token, kvHead, column % group),
          out,
          lse);
    }
  }

  /** Number of a (token, query head). */
  private long entry(int token, int kvHead, int inGroup) {
    return ((long) token * heads().kvHeads() + kvHead) * heads().group() + inGroup;
  }

  @Override
  protected void release() {}
}
