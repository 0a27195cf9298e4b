package dev.warpwright.cli.model;

import dev.warpwright.moe.Routing;

/** Hears which experts a decoder's layers choose. */
@FunctionalInterface
public interface RoutingListener {
  /** Hears nothing. */
  RoutingListener NONE = (layer, routing) -> {};

  /**
   * Called after each layer of a step.
   *
   * @param layer the layer
   * @param routing experts of the step's tokens; valid during the call
   */
  void routed(int layer, Routing routing);
}
