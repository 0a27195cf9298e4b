package dev.warpwright.kernels.sparse;

import dev.warpwright.kernels.DeviceResource;
import dev.warpwright.kernels.KernelDevice;

/**
 * A weight matrix in a provider's own layout, on one device. May be shared by plans and threads.
 */
public abstract class PreparedMatrix extends DeviceResource {
  private final int rows;
  private final int columns;
  private final WeightFormat format;

  /** A copy of {@code matrix} that holds {@code bytes} on {@code device}. */
  protected PreparedMatrix(KernelDevice device, WeightMatrix matrix, long bytes) {
    super(device, "weights", bytes);
    this.rows = matrix.rows();
    this.columns = matrix.columns();
    this.format = matrix.format();
  }

  /** Output features. */
  public final int rows() {
    return rows;
  }

  /** Input features. */
  public final int columns() {
    return columns;
  }

  /** The canonical format that the weights came in. */
  public final WeightFormat format() {
    return format;
  }
}
