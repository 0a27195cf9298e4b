package dev.warpwright.cli.model;

import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.HostTensor;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.attention.Heads;

/**
 * F32 host memory of a step, shared by all layers; one row a token.
 *
 * @param x features
 * @param normed normalised features
 * @param queries queries of all heads
 * @param keys keys of all heads
 * @param values values of all heads
 * @param mixed what attention gives
 * @param delta what a layer adds to the features
 */
record Scratch(
    Tensor x,
    Tensor normed,
    Tensor queries,
    Tensor keys,
    Tensor values,
    Tensor mixed,
    Tensor delta) {

  /** Memory for steps of {@code tokens} tokens that is freed with {@code owner}. */
  static Scratch allocate(ModelConfig config, int tokens, Resources owner) {
    Heads heads = config.heads();
    int queries = heads.queryHeads() * heads.headDim();
    int keys = heads.kvHeads() * heads.headDim();
    return new Scratch(
        rows(owner, tokens, config.hidden()),
        rows(owner, tokens, config.hidden()),
        rows(owner, tokens, queries),
        rows(owner, tokens, keys),
        rows(owner, tokens, keys),
        rows(owner, tokens, queries),
        rows(owner, tokens, config.hidden()));
  }

  /** One tensor of rows. */
  static Tensor rows(Resources owner, int tokens, int columns) {
    return owner.own(new HostTensor(DType.F32, tokens, columns)).tensor();
  }
}
