package dev.warpwright.cli.model;

import dev.warpwright.Warpwright;
import dev.warpwright.attention.Attention;
import dev.warpwright.attention.AttentionSpec;
import dev.warpwright.attention.Batch;
import dev.warpwright.attention.KvCacheSpec;
import dev.warpwright.attention.PageSelection;
import dev.warpwright.attention.PagedKvCache;
import dev.warpwright.attention.PagingStatistics;
import dev.warpwright.attention.SelectiveAttention;
import dev.warpwright.attention.Sequence;
import dev.warpwright.kernels.Checks;
import dev.warpwright.kernels.KernelDevice;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.attention.Heads;
import dev.warpwright.kernels.attention.RmsNorm;
import dev.warpwright.kernels.attention.RmsNormSpec;
import dev.warpwright.sparse.Linear;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A decoder of the Llama or Mixtral layout on the Java API: embedding, layers, norm, logits.
 *
 * <p>Sources: Touvron et al. 2023 (arXiv 2302.13971), Jiang et al. 2024 (arXiv 2401.04088). Used by
 * one thread at a time. The model must stay open as long as the decoder.
 */
public final class Decoder implements AutoCloseable {
  /** Most logits that are computed at a time. */
  private static final int LOGITS = 1 << 22;

  private final Resources owned = new Resources();
  private final ModelConfig config;
  private final DecoderOptions options;
  private final Tensor embedding;
  private final List<DecoderLayer> layers = new ArrayList<>();
  private final RmsNorm norm;
  private final Tensor lastNorm;
  private final Linear head;
  private final PagedKvCache cache;
  private final AttentionSpec attentionSpec;
  private final Attention attention;
  private final Scratch scratch;
  private final Tensor logits;
  private LayerListener listener = LayerListener.NONE;

  /**
   * Brings a model's weights onto a device.
   *
   * @param ww the backend
   * @param model the model
   * @param options formats and sizes
   * @throws ModelFormatException if a tensor is missing or has another shape than the configuration
   *     says
   */
  public Decoder(Warpwright ww, Model model, DecoderOptions options) throws ModelFormatException {
    this.config = model.config();
    this.options = options;
    KernelDevice device = ww.device();
    Heads heads = config.heads();
    int chunk = options.chunk();
    int logitRows = Math.clamp(LOGITS / config.vocabulary(), 1, chunk);
    WeightLoader load = new WeightLoader(model, options.weights(), options.calibration());
    try {
      embedding = load.embedding();
      norm =
          owned.own(
              device
                  .attention()
                  .rmsNorm(new RmsNormSpec(chunk, config.hidden(), config.epsilon())));
      for (int layer = 0; layer < heads.layers(); layer++) {
        layers.add(owned.own(new DecoderLayer(ww, config, load, layer, chunk, norm)));
      }
      lastNorm = load.floats("model.norm.weight", config.hidden());
      head = owned.own(ww.linear(load.head(), logitRows));
      cache =
          owned.own(
              ww.kvCache(
                  KvCacheSpec.layers(heads.layers())
                      .kvHeads(heads.kvHeads())
                      .headDim(heads.headDim())
                      .dtype(options.kv())
                      .capacity(options.sequences(), options.length())
                      .observing(options.observation())));
      attentionSpec =
          AttentionSpec.queryHeads(heads.queryHeads())
              .over(cache)
              .rope(config.rope())
              .masking(config.masking())
              .maxBatch(options.sequences())
              .maxTokens(chunk);
      attention = owned.own(attention(ww, attentionSpec, options.pages()));
      scratch = Scratch.allocate(config, chunk, owned);
      logits = Scratch.rows(owned, logitRows, config.vocabulary());
    } catch (ModelFormatException | RuntimeException e) {
      close();
      throw e;
    }
  }

  private static Attention attention(
      Warpwright ww, AttentionSpec spec, @Nullable PageSelection pages) {
    return pages == null ? ww.attention(spec) : ww.attention(spec, pages);
  }

  /** The model's sizes. */
  public ModelConfig config() {
    return config;
  }

  /** Formats and limits. */
  public DecoderOptions options() {
    return options;
  }

  /** Memory that the weights hold on the device. */
  public long weightBytes() {
    return embedding.bytes()
        + layers.stream().mapToLong(DecoderLayer::weightBytes).sum()
        + lastNorm.bytes()
        + head.weightBytes();
  }

  /** Memory that the cache of keys and values holds. */
  public long kvBytes() {
    return cache.bytes();
  }

  /** Tells {@code next} what the layers work on from now on. */
  public void listen(LayerListener next) {
    listener = next;
  }

  /** How the layers attend. */
  AttentionSpec attentionSpec() {
    return attentionSpec;
  }

  /** The cache of keys and values. */
  PagedKvCache cache() {
    return cache;
  }

  /** What the fast memories of a sequence did, where tokens look into some pages only. */
  PagingStatistics paging(Sequence sequence) {
    return attention instanceof SelectiveAttention selective
        ? selective.paging(sequence)
        : PagingStatistics.NONE;
  }

  /** A sequence without tokens; there may be as many at a time as the options say. */
  public TokenStream newStream() {
    return new TokenStream(this, cache);
  }

  /**
   * Takes one step.
   *
   * @param batch the sequence, advanced by as many tokens
   * @param tokens at most a chunk of tokens
   * @return features of the tokens; valid until the next step
   */
  Tensor step(Batch batch, int[] tokens) {
    for (int i = 0; i < tokens.length; i++) {
      Checks.between("tokens[" + i + "]", tokens[i], 0, config.vocabulary() - 1);
    }
    Tensor x = scratch.x().slice(0, tokens.length);
    Rows.lookUp(embedding, tokens, x);
    for (int layer = 0; layer < layers.size(); layer++) {
      layers.get(layer).apply(attention, batch, x, scratch, listener);
    }
    return x;
  }

  /** Most rows that {@link #logits} takes. */
  int logitRows() {
    return (int) logits.size(0);
  }

  /**
   * Logits from features that {@link #step} gave.
   *
   * @param x some rows of features
   * @return F32 {@code [rows, vocabulary]}; valid until the next call
   */
  Tensor logits(Tensor x) {
    int rows = (int) x.size(0);
    Tensor n = scratch.normed().slice(0, rows);
    Tensor result = logits.slice(0, rows);
    norm.run(x, lastNorm, n);
    head.apply(n, result);
    return result;
  }

  /** Frees weights, cache and scratch. */
  @Override
  public void close() {
    owned.close();
  }
}
