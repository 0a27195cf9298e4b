package dev.warpwright.kernels.cpu.sparse;

import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.WorkerPool;
import dev.warpwright.kernels.cpu.HostDevice;
import dev.warpwright.kernels.sparse.Activations;
import dev.warpwright.kernels.sparse.MatrixProduct;
import dev.warpwright.kernels.sparse.MatrixProductSpec;
import dev.warpwright.kernels.sparse.PreparedMatrix;
import dev.warpwright.kernels.sparse.WeightFormat;
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
  private final int xStride;
  private final int blockRows;
  private float[] x;
  private float[] y;
  private float[][] scratch;

  /** The rows of x once more, if they enter as codes. */
  private @Nullable I8Rows codes;

  /** What the current pass works on; null between runs, so that a plan keeps no weights alive. */
  private @Nullable VectorMatrix weights;

  private int rows;
  private int chunks;

  MatrixProductVector(HostDevice device, MatrixProductSpec spec) {
    int threads = device.pool().threads();
    int xStride = VectorMatrix.paddedColumns(spec.inputs());
    int most =
        Math.min(BLOCK_ROWS, Math.max(1, BLOCK_ELEMENTS / Math.max(xStride, spec.outputs())));
    int blockRows = Math.min(spec.maxRows(), most);
    long elements =
        (long) blockRows * (xStride + (long) spec.outputs())
            + (long) threads * VectorMatrix.SCRATCH;
    int group =
        spec.activations() == Activations.I8 && spec.format() instanceof WeightFormat.Quant quant
            ? quant.grouping().size()
            : 0;
    long codeBytes = group == 0 ? 0 : I8Rows.bytes(blockRows, spec.inputs(), group);
    super(device, spec, elements * Float.BYTES + codeBytes);
    this.pool = device.pool();
    this.outputs = spec.outputs();
    this.inputs = spec.inputs();
    this.xStride = xStride;
    this.blockRows = blockRows;
    this.x = new float[blockRows * xStride];
    this.y = new float[blockRows * outputs];
    this.scratch = new float[threads][VectorMatrix.SCRATCH];
    this.codes = group == 0 ? null : new I8Rows(blockRows, spec.inputs(), group);
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
      long offset = (firstRow + i) * inputs * Float.BYTES;
      MemorySegment.copy(from, ValueLayout.JAVA_FLOAT_UNALIGNED, offset, x, i * xStride, inputs);
      if (codes != null) {
        codes.load(i, x, i * xStride);
      }
    }
  }

  private void store(MemorySegment into, long firstRow) {
    long offset = firstRow * outputs * Float.BYTES;
    MemorySegment.copy(y, 0, into, ValueLayout.JAVA_FLOAT_UNALIGNED, offset, rows * outputs);
  }

  @Override
  public void run(int chunk, int worker) {
    VectorMatrix matrix = weights;
    if (matrix == null) {
      throw new IllegalStateException("a chunk outside run");
    }
    int from = (int) ((long) matrix.units() * chunk / chunks);
    int to = (int) ((long) matrix.units() * (chunk + 1) / chunks);
    if (codes != null) {
      ((W4Matrix) matrix).multiply(from, to, rows, codes, y, outputs, scratch[worker]);
    } else {
      matrix.multiply(from, to, rows, x, 0, xStride, y, 0, outputs, scratch[worker]);
    }
  }

  @Override
  protected void release() {
    x = new float[0];
    y = new float[0];
    scratch = new float[0][];
    codes = null;
  }
}
