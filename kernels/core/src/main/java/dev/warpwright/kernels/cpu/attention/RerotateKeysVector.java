package dev.warpwright.kernels.cpu.attention;

import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.WorkerPool;
import dev.warpwright.kernels.attention.KvPool;
import dev.warpwright.kernels.attention.PageTables;
import dev.warpwright.kernels.attention.RerotateKeys;
import dev.warpwright.kernels.attention.RerotateKeysSpec;
import dev.warpwright.kernels.cpu.HostDevice;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * Turns keys; one chunk of work is one row. Blocks all of whose slots turn are turned together,
 * others key by key.
 */
final class RerotateKeysVector extends RerotateKeys {
  private static final int BLOCK = Lanes.BLOCK;

  private final WorkerPool workers;
  private final KvPoolVector pages;
  private final boolean blocks;
  private final Scratch[] scratches;

  // The arguments of the run that is under way: fields, so that a run makes no closure.
  private final WorkerPool.ChunkTask turnRow = this::turnRow;
  private PageTables batch = new PageTables(1, 1, 1);
  private int layer;
  private MemorySegment positions = MemorySegment.NULL;

  /** What a thread needs. */
  private static final class Scratch {
    private final KeyTurn turn;
    private final KeyBlock block;
    private final float[] key;
    private final int[] before = new int[BLOCK];
    private final int[] after = new int[BLOCK];

    Scratch(RerotateKeysSpec spec, KvPoolVector pool) {
      turn = new KeyTurn(spec.rope());
      block = new KeyBlock(pool);
      key = new float[spec.heads().headDim()];
    }

    long bytes() {
      return turn.bytes() + block.bytes() + Float.BYTES * (key.length + 2L * BLOCK);
    }
  }

  RerotateKeysVector(HostDevice device, RerotateKeysSpec spec, KvPool pool) {
    super(device, spec, pool, 0);
    workers = device.pool();
    pages = (KvPoolVector) pool;
    blocks = KeyBlock.isWritable(pages);
    scratches = new Scratch[workers.threads()];
    for (int i = 0; i < scratches.length; i++) {
      scratches[i] = new Scratch(spec, pages);
    }
    workspaceIs(scratches.length * scratches[0].bytes());
  }

  @Override
  protected void prepare(PageTables next) {}

  @Override
  protected void execute(PageTables step, int ofLayer, Tensor to) {
    batch = step;
    layer = ofLayer;
    positions = to.segment();
    workers.run(step.requests() * heads().kvHeads(), turnRow);
  }

  private void turnRow(int chunk, int worker) {
    int row = batch.rowOf(layer, 0, 0) + chunk;
    Scratch scratch = scratches[worker];
    int length = batch.length(row);
    int pageSize = batch.pageSize();
    for (int index = 0; index * pageSize < length; index++) {
      int page = batch.page(row, index);
      int filled = Math.min(pageSize, length - index * pageSize);
      long at = (batch.slotStart(row) + (long) index * pageSize) * Integer.BYTES;
      for (int slot = 0; slot < filled; slot += BLOCK) {
        turn(page, slot, Math.min(BLOCK, filled - slot), at + (long) slot * Integer.BYTES, scratch);
      }
    }
  }

  /** Turns up to a block of slots of a page. */
  private void turn(int page, int slot, int count, long at, Scratch scratch) {
    int[] before = scratch.before;
    int[] after = scratch.after;
    MemorySegment.copy(
        pages.pages(), ValueLayout.JAVA_INT, pages.layout().position(page, slot), before, 0, count);
    MemorySegment.copy(positions, ValueLayout.JAVA_INT_UNALIGNED, at, after, 0, count);
    int turned = 0;
    for (int i = 0; i < count; i++) {
      turned += after[i] == before[i] ? 0 : 1;
    }
    if (turned == BLOCK && blocks && KeyBlock.takes(pages, page)) {
      for (int i = 0; i < count; i++) {
        scratch.turn.set(i, after[i] - before[i]);
      }
      scratch.block.load(page, slot);
      scratch.turn.apply(scratch.block.elements());
      scratch.block.store(page, slot);
    } else {
      for (int i = 0; i < count && turned > 0; i++) {
        if (after[i] != before[i]) {
          pages.getKey(page, slot + i, scratch.key);
          scratch.turn.apply(after[i] - before[i], scratch.key);
          pages.putKey(page, slot + i, scratch.key);
        }
      }
    }
    for (int i = 0; i < count; i++) {
      pages.putPosition(page, slot + i, after[i]);
    }
  }

  @Override
  protected void release() {}
}
