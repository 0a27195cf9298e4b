package dev.warpwright.cli.model;

import dev.warpwright.kernels.Tensor;
import dev.warpwright.moe.Routing;

/** Hears what a decoder's layers work on. All tensors are valid during the call only. */
public interface LayerListener {
  /** Hears nothing. */
  LayerListener NONE = new LayerListener() {};

  /**
   * Called before the query, key and value matrices of a layer.
   *
   * @param layer the layer
   * @param x F32 {@code [tokens, hidden]}: what they are multiplied with
   */
  default void projecting(int layer, Tensor x) {}

  /**
   * Called before the attention of a layer, when its keys and values are stored.
   *
   * @param layer the layer
   * @param q F32 {@code [tokens, query heads, head dimension]}
   * @param k F32 {@code [tokens, kv heads, head dimension]}
   * @param v F32 of the same shape
   */
  default void attending(int layer, Tensor q, Tensor k, Tensor v) {}

  /**
   * Called after the attention of a layer.
   *
   * @param layer the layer
   * @param x F32 {@code [tokens, query heads · head dimension]}: what the output matrix is
   *     multiplied with
   */
  default void attended(int layer, Tensor x) {}

  /**
   * Called after the feed-forward part of a layer.
   *
   * @param layer the layer
   * @param x F32 {@code [tokens, hidden]}: what the experts are given
   * @param routing experts of the step's tokens
   */
  default void routed(int layer, Tensor x, Routing routing) {}
}
