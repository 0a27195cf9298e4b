package dev.warpwright.cli.model;

import dev.warpwright.Warpwright;
import dev.warpwright.attention.Attention;
import dev.warpwright.attention.Batch;
import dev.warpwright.kernels.KernelDevice;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.attention.Heads;
import dev.warpwright.kernels.attention.RmsNorm;
import dev.warpwright.moe.MoeLayer;
import dev.warpwright.moe.MoeSpec;
import dev.warpwright.moe.Routing;
import dev.warpwright.sparse.Linear;

/**
 * One decoder layer: {@code x += o(attention(q(n), k(n), v(n)))} with {@code n = norm(x)}, then
 * {@code x += feedForward(norm(x))}.
 */
final class DecoderLayer implements AutoCloseable {
  private final Resources owned = new Resources();
  private final int index;
  private final Heads heads;
  private final KernelDevice device;
  private final RmsNorm norm;
  private final Tensor attentionNorm;
  private final Tensor feedForwardNorm;
  private final Linear query;
  private final Linear key;
  private final Linear value;
  private final Linear output;
  private final MoeLayer feedForward;

  DecoderLayer(
      Warpwright ww, ModelConfig config, WeightLoader load, int index, int chunk, RmsNorm norm)
      throws ModelFormatException {
    this.index = index;
    this.heads = config.heads();
    this.device = ww.device();
    this.norm = norm;
    int hidden = config.hidden();
    int queries = heads.queryHeads() * heads.headDim();
    int keys = heads.kvHeads() * heads.headDim();
    String layer = "model.layers." + index + ".";
    MoeSpec experts =
        MoeSpec.mixtral(
            chunk, Math.max(config.experts(), 1), Math.max(config.expertsPerToken(), 1));
    try {
      attentionNorm = load.floats(layer + "input_layernorm.weight", hidden);
      feedForwardNorm = load.floats(layer + "post_attention_layernorm.weight", hidden);
      query = own(ww.linear(load.projection(index, "q_proj.weight", queries), chunk));
      key = own(ww.linear(load.projection(index, "k_proj.weight", keys), chunk));
      value = own(ww.linear(load.projection(index, "v_proj.weight", keys), chunk));
      output = own(ww.linear(load.output(index), chunk));
      feedForward = own(ww.moe(experts, load.feedForward(index)));
    } catch (ModelFormatException | RuntimeException e) {
      close();
      throw e;
    }
  }

  private <T extends AutoCloseable> T own(T part) {
    return owned.own(part);
  }

  /** Memory that the weights hold on the device. */
  long weightBytes() {
    return query.weightBytes()
        + key.weightBytes()
        + value.weightBytes()
        + output.weightBytes()
        + feedForward.weightBytes()
        + attentionNorm.bytes()
        + feedForwardNorm.bytes();
  }

  /** Applies the layer to the features {@code x} of a step's tokens, in place. */
  void apply(Attention attention, Batch batch, Tensor x, Scratch scratch, LayerListener listener) {
    int tokens = (int) x.size(0);
    Tensor n = scratch.normed().slice(0, tokens);
    Tensor q = scratch.queries().slice(0, tokens);
    Tensor k = scratch.keys().slice(0, tokens);
    Tensor v = scratch.values().slice(0, tokens);
    Tensor queries = byHead(q, heads.queryHeads());
    Tensor keys = byHead(k, heads.kvHeads());
    Tensor values = byHead(v, heads.kvHeads());
    Tensor mixed = scratch.mixed().slice(0, tokens);
    Tensor delta = scratch.delta().slice(0, tokens);
    norm.run(x, attentionNorm, n);
    listener.projecting(index, n);
    query.apply(n, q);
    key.apply(n, k);
    value.apply(n, v);
    attention.append(index, batch, keys, values);
    listener.attending(index, queries, keys, values);
    attention.attend(index, batch, queries, byHead(mixed, heads.queryHeads()));
    listener.attended(index, mixed);
    output.apply(mixed, delta);
    Rows.add(x, delta);
    norm.run(x, feedForwardNorm, n);
    Routing routing = feedForward.apply(n, delta);
    if (listener != LayerListener.NONE) {
      listener.routed(index, n, onHost(device, routing));
    }
    Rows.add(x, delta);
  }

  /** The layer's choice lies where the device has made it. */
  private static Routing onHost(KernelDevice device, Routing routing) {
    long tokens = routing.ids().size(0);
    long perToken = routing.ids().size(1);
    Tensor ids = Tensor.wrap(new int[(int) (tokens * perToken)], tokens, perToken);
    Tensor weights = Tensor.wrap(new float[(int) (tokens * perToken)], tokens, perToken);
    device.copy(routing.ids(), ids);
    device.copy(routing.weights(), weights);
    return new Routing(ids, weights);
  }

  private Tensor byHead(Tensor rows, int count) {
    return rows.reshape(rows.size(0), count, heads.headDim());
  }

  @Override
  public void close() {
    owned.close();
  }
}
