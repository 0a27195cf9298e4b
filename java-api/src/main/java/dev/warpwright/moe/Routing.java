package dev.warpwright.moe;

import dev.warpwright.kernels.Tensor;

/**
 * Which experts a layer chose. The tensors are the layer's own memory on its device ({@link
 * dev.warpwright.kernels.KernelDevice#copy} brings them to the host): valid until its next call.
 *
 * @param ids I32 {@code [tokens, topK]}, best first
 * @param weights F32 {@code [tokens, topK]}
 */
public record Routing(Tensor ids, Tensor weights) {}
