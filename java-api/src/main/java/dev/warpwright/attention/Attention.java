package dev.warpwright.attention;

import dev.warpwright.kernels.Resource;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.attention.AttentionBias;

/**
 * Attention of all layers over a {@link PagedKvCache}, whatever part of the cache it looks into. In
 * each step and layer, {@link #append} stores the new keys and values, then {@link #attend} attends
 * to them and to those before. Rotation is done inside: queries and keys are given unrotated. Used
 * by one thread at a time.
 */
public interface Attention extends Resource {
  /**
   * Sets what a layer adds to its logits, from now on: slopes and sink logits, as the masking says.
   */
  void bias(int layer, AttentionBias bias);

  /**
   * Stores one layer's new keys and values.
   *
   * @param layer the layer
   * @param batch the batch, after {@link Batch#advance}
   * @param k F32 {@code [tokens, kvHeads, headDim]}, tokens of all sequences one after the other
   * @param v F32 of the same shape
   */
  void append(int layer, Batch batch, Tensor k, Tensor v);

  /**
   * Attends from all new tokens.
   *
   * @param layer the layer
   * @param batch the batch, after {@link #append} of the layer
   * @param q F32 {@code [tokens, queryHeads, headDim]}
   * @param out F32 of the same shape; disjoint from q
   */
  void attend(int layer, Batch batch, Tensor q, Tensor out);
}
