package dev.warpwright.kernels.moe;

import dev.warpwright.kernels.DeviceResource;
import dev.warpwright.kernels.KernelDevice;
import dev.warpwright.kernels.sparse.WeightFormat;

/**
 * The experts' matrices in a provider's own layout, on one device. May be shared by plans and
 * threads.
 */
public abstract class PreparedExperts extends DeviceResource {
  private final int experts;
  private final int outputs;
  private final int inputs;
  private final boolean gated;
  private final WeightFormat format;

  /** A copy of {@code weights} that holds {@code bytes} on {@code device}. */
  protected PreparedExperts(KernelDevice device, ExpertWeights weights, long bytes) {
    super(device, "experts", bytes);
    this.experts = weights.experts();
    this.outputs = weights.outputs();
    this.inputs = weights.inputs();
    this.gated = weights.isGated();
    this.format = weights.format();
  }

  /** Number of experts. */
  public final int experts() {
    return experts;
  }

  /** Output features of an expert. */
  public final int outputs() {
    return outputs;
  }

  /** Input features of an expert. */
  public final int inputs() {
    return inputs;
  }

  /** Whether there are up matrices. */
  public final boolean isGated() {
    return gated;
  }

  /** The canonical format that the weights came in. */
  public final WeightFormat format() {
    return format;
  }
}
