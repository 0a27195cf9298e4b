package dev.warpwright.kernels.attention;

import dev.warpwright.kernels.Tensor;
import org.jspecify.annotations.Nullable;

/**
 * What one layer adds to its logits beside the products of queries and keys. Each part is there
 * exactly when the plan's {@link Masking} says so. Made once a layer, not once a run.
 *
 * @param slopes ALiBi slopes, F32 {@code [queryHeads]}: slope · (j − i) is added to the logit of
 *     key position j and query position i
 * @param sinkLogits F32 {@code [queryHeads]}: logits without a key or value, which enter the
 *     denominator; −∞ for none
 * @param slotBias numbers beside the slots of the plan's pool, one a slot, that are added to the
 *     logits of their keys after the cap; such as the logarithm of the number of tokens that a slot
 *     stands for ({@link MergeSimilarKv})
 */
public record AttentionBias(
    @Nullable Tensor slopes, @Nullable Tensor sinkLogits, @Nullable SlotArray slotBias) {
  /** Nothing is added. */
  public static final AttentionBias NONE = new AttentionBias(null, null);

  /** Without numbers beside the slots. */
  public AttentionBias(@Nullable Tensor slopes, @Nullable Tensor sinkLogits) {
    this(slopes, sinkLogits, null);
  }

  /** The same with numbers beside the slots. */
  public AttentionBias withSlotBias(SlotArray value) {
    return new AttentionBias(slopes, sinkLogits, value);
  }
}
