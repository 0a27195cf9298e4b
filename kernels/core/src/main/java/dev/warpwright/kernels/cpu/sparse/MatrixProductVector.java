package dev.warpwright.kernels.cpu.sparse;

import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.WorkerPool;
import dev.warpwright.kernels.cpu.HostDevice;
import dev.warpwright.kernels.sparse.MatrixProduct;
import dev.warpwright.kernels.sparse.MatrixProductSpec;
import dev.warpwright.kernels.sparse.PreparedMatrix;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.jspecify.annotations.Nullable;

/**
 * Copies a block of x into padded rows, lets the threads claim units of output rows, and copies the
 * block of y out.
 */
final class MatrixProductVector extends MatrixProduct implements WorkerPool.ChunkTask {
  /** Rows of x that one pass over the weights serves: enough for arithmetic to be the limit. */
  private static final int BLOCK_ROWS = 128;

  /** Keeps the arrays of very wide matrices within what an array can index. */
  private static final int BLOCK_ELEMENTS = 1 << 28;

  /** Claims a thread: more level out threads that are held back, fewer cost less claiming. */
  private static final int CLAIMS = 16;

  private final WorkerPool pool;
  private final int outputs;
  private final int inputs;
  private final int blockRows;
  private final InputRows x;
  private final FloatRows y;
  private final float[][] scratch;

  /** What the current pass works on; null between runs, so that a plan keeps no weights alive. */
  private @Nullable VectorMatrix weights;

  private int rows;
  private int chunks;

  MatrixProductVector(HostDevice device, MatrixProductSpec spec) {
    int threads = device.pool().threads();
    int widest = Math.max(VectorMatrix.paddedColumns(spec.inputs()), spec.outputs());
    int most = Math.min(BLOCK_ROWS, Math.max(1, BLOCK_ELEMENTS / widest));
    int blockRows = Math.min(spec.maxRows(), most);
    long elements = (long) blockRows * spec.outputs() + (long) threads * VectorMatrix.SCRATCH;
    super(
        device,
        spec,
        elements * Float.BYTES
            + InputRows.bytes(device, blockRows, spec.inputs(), spec.format(), spec.activations()));
    this.pool = device.pool();
    this.outputs = spec.outputs();
    this.inputs = spec.inputs();
    this.blockRows = blockRows;
    this.x = new InputRows(device, blockRows, inputs, spec.format(), spec.activations());
    this.y = new FloatRows(blockRows, outputs);
    this.scratch = new float[threads][VectorMatrix.SCRATCH];
  }

  @Override
  protected void execute(PreparedMatrix w, int rows, Tensor x, Tensor y) {
    VectorMatrix matrix = (VectorMatrix) w;
    weights = matrix;
    chunks = Math.min(matrix.units(), CLAIMS * pool.threads());
    for (int from = 0; from < rows; from += blockRows) {
      this.rows = Math.min(blockRows, rows - from);
      load(x.segment(), from);
      pool.run(chunks, this);
      store(y.segment(), from);
    }
    weights = null;
  }

  private void load(MemorySegment from, long firstRow) {
    for (int i = 0; i < rows; i++) {
      x.load(i, from, (firstRow + i) * inputs * Float.BYTES);
    }
  }

  private void store(MemorySegment into, long firstRow) {
    long offset = firstRow * outputs * Float.BYTES;
    MemorySegment.copy(
        y.values(), 0, into, ValueLayout.JAVA_FLOAT_UNALIGNED, offset, rows * outputs);
  }

  @Override
  public void run(int chunk, int worker) {
    VectorMatrix matrix = weights;
    if (matrix == null) {
      throw new IllegalStateException("a chunk outside run");
    }
    int from = (int) ((long) matrix.units() * chunk / chunks);
    int to = (int) ((long) matrix.units() * (chunk + 1) / chunks);
    matrix.multiply(from, to, rows, x, y, scratch[worker]);
  }

  @Override
  protected void release() {}
}
