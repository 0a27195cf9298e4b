package dev.warpwright.kernels.cpu.attention;

import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.WorkerPool;
import dev.warpwright.kernels.attention.KvPool;
import dev.warpwright.kernels.attention.PageTables;
import dev.warpwright.kernels.attention.RerotateKeys;
import dev.warpwright.kernels.attention.RerotateKeysSpec;
import dev.warpwright.kernels.attention.Rope;
import dev.warpwright.kernels.cpu.HostDevice;

/**
 * Turns keys; one chunk of work is one row. Neighbouring slots mostly turn by the same angles, so
 * that sines and cosines are kept from one to the next.
 */
final class RerotateKeysVector extends RerotateKeys {
  private final WorkerPool workers;
  private final KvPoolVector pages;
  private final Turn[] turns;
  private final float[][] keys;

  // The arguments of the run that is under way: fields, so that a run makes no closure.
  private final WorkerPool.ChunkTask turnRow = this::turnRow;
  private PageTables batch = new PageTables(1, 1, 1);
  private int layer;
  private Tensor positions;

  RerotateKeysVector(HostDevice device, RerotateKeysSpec spec, KvPool pool) {
    super(device, spec, pool, 0);
    workers = device.pool();
    pages = (KvPoolVector) pool;
    turns = new Turn[workers.threads()];
    for (int i = 0; i < turns.length; i++) {
      turns[i] = new Turn(spec.rope());
    }
    keys = new float[workers.threads()][spec.heads().headDim()];
    positions = Tensor.wrap(new int[0], 0);
    workspaceIs(workers.threads() * (turns[0].bytes() + (long) Float.BYTES * keys[0].length));
  }

  @Override
  protected void prepare(PageTables next) {}

  @Override
  protected void execute(PageTables step, int ofLayer, Tensor to) {
    batch = step;
    layer = ofLayer;
    positions = to;
    workers.run(step.requests() * heads().kvHeads(), turnRow);
  }

  private void turnRow(int chunk, int worker) {
    int row = batch.rowOf(layer, 0, 0) + chunk;
    long start = batch.slotStart(row);
    float[] key = keys[worker];
    for (int i = 0; i < batch.length(row); i++) {
      int page = batch.page(row, i / batch.pageSize());
      int slot = i % batch.pageSize();
      int position = positions.getInt(start + i);
      int delta = position - pages.position(page, slot);
      if (delta != 0) {
        pages.getKey(page, slot, key);
        turns[worker].apply(delta, key);
        pages.putKey(page, slot, key);
        pages.putPosition(page, slot, position);
      }
    }
  }

  /** Sines and cosines of the last turn. */
  private static final class Turn {
    private final Rope rope;
    private final float[] cos;
    private final float[] sin;
    private int delta;

    Turn(Rope rope) {
      this.rope = rope;
      int pairs = rope.style() == Rope.Style.NONE ? 0 : rope.rotaryDim() / 2;
      cos = new float[pairs];
      sin = new float[pairs];
    }

    long bytes() {
      return (long) Float.BYTES * (cos.length + sin.length);
    }

    void apply(int by, float[] key) {
      for (int pair = 0; pair < cos.length && by != delta; pair++) {
        double angle = rope.angle(pair, by);
        cos[pair] = (float) Math.cos(angle);
        sin[pair] = (float) Math.sin(angle);
      }
      delta = by;
      for (int pair = 0; pair < cos.length; pair++) {
        int first = rope.first(pair);
        int second = rope.second(pair);
        float a = key[first];
        float b = key[second];
        key[first] = a * cos[pair] - b * sin[pair];
        key[second] = b * cos[pair] + a * sin[pair];
      }
    }
  }

  @Override
  protected void release() {}
}
