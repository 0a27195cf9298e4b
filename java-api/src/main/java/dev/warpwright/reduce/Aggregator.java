package dev.warpwright.reduce;

import dev.warpwright.kernels.KernelDevice;
import dev.warpwright.kernels.Resource;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.reduce.TreeReduce;
import dev.warpwright.kernels.reduce.TreeReduceSpec;
import dev.warpwright.kernels.reduce.TreeReduceStream;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Weighted mean or sum of the update vectors of many clients, with the same bits on every device,
 * for every number of threads and every order of arrival.
 *
 * <p>Each client has a slot; slots, not arrival, decide the order of additions. Either all vectors
 * are handed over at once ({@link #reduce}), or one by one as they arrive ({@link #accept}, {@link
 * #finish}). Formula, tree and determinism: {@link TreeReduce}. Used by one thread at a time.
 */
public final class Aggregator implements Resource {
  private final KernelDevice device;
  private final TreeReduceSpec spec;
  private @Nullable TreeReduce batch;
  private @Nullable TreeReduceStream stream;
  private boolean closed;

  /** An aggregator on {@code device}. */
  public Aggregator(KernelDevice device, TreeReduceSpec spec) {
    this.device = device;
    this.spec = spec;
  }

  /** Sizes and rule. */
  public TreeReduceSpec spec() {
    return spec;
  }

  /**
   * Reduces vectors that are all there; see {@link TreeReduce#run}.
   *
   * @param rows vectors by slot, null where a client is missing
   * @param weights weights by slot
   * @param out F32 {@code [columns]}
   */
  public void reduce(List<? extends @Nullable Tensor> rows, float[] weights, Tensor out) {
    requireOpen();
    if (batch == null) {
      batch = device.reduce().treeReduce(spec);
    }
    batch.run(rows, weights, out);
  }

  /** Adds the vector of the client of {@code slot}; see {@link TreeReduceStream#accept}. */
  public void accept(int slot, Tensor row, float weight) {
    stream().accept(slot, row, weight);
  }

  /** Writes the result of the vectors that have arrived; see {@link TreeReduceStream#finish}. */
  public void finish(Tensor out) {
    stream().finish(out);
  }

  private TreeReduceStream stream() {
    requireOpen();
    if (stream == null) {
      stream = device.reduce().treeReduceStream(spec);
    }
    return stream;
  }

  private void requireOpen() {
    if (closed) {
      throw new IllegalStateException("aggregator is closed");
    }
  }

  @Override
  public void close() {
    closed = true;
    if (batch != null) {
      batch.close();
    }
    if (stream != null) {
      stream.close();
    }
  }
}
