package dev.warpwright.cli.model;

import dev.warpwright.kernels.attention.Heads;
import dev.warpwright.kernels.attention.KvPoolSpec;
import dev.warpwright.kernels.attention.Masking;
import dev.warpwright.kernels.attention.Rope;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * What {@code config.json} says of a decoder of the Llama or Mixtral layout.
 *
 * @param vocabulary number of tokens
 * @param hidden features of a token
 * @param intermediate features inside a feed-forward layer or an expert
 * @param heads layers, query heads, key/value heads and head dimension
 * @param rope rotation of queries and keys
 * @param masking causal, with the sliding window of the model if it has one
 * @param epsilon of the normalisations
 * @param positions longest sequence
 * @param tied whether the embedding is the output matrix too
 * @param experts experts a layer; 0 where the feed-forward layer is dense
 * @param expertsPerToken experts that a token is sent to; 0 where the layer is dense
 */
public record ModelConfig(
    int vocabulary,
    int hidden,
    int intermediate,
    Heads heads,
    Rope rope,
    Masking masking,
    float epsilon,
    int positions,
    boolean tied,
    int experts,
    int expertsPerToken) {

  private static final int MANY = 1 << 24;

  /** Reads a file. */
  public static ModelConfig read(Path path) throws IOException {
    return parse(path.toString(), ByteBuffer.wrap(Files.readAllBytes(path)));
  }

  /**
   * Reads a text.
   *
   * @param file name of the file, for messages
   * @param json the text in UTF-8
   * @throws ModelFormatException naming the field that is missing, wrong, or asks for something
   *     that the decoder does not do
   */
  public static ModelConfig parse(String file, ByteBuffer json) throws ModelFormatException {
    JsonFields fields = JsonFields.parse(file, json);
    boolean mixtral = isMixtral(fields);
    requireSupported(fields);
    int hidden = fields.integer("hidden_size", 8, MANY);
    Heads heads = heads(fields, hidden);
    int experts = mixtral ? fields.integer("num_local_experts", 1, 1 << 16) : 0;
    double epsilon = fields.number("rms_norm_eps");
    if (!(epsilon >= 0 && epsilon < 1)) {
      throw fields.wrong("rms_norm_eps", epsilon, "a number of at least 0 and below 1");
    }
    return new ModelConfig(
        fields.integer("vocab_size", 1, MANY),
        hidden,
        fields.integer("intermediate_size", 1, MANY),
        heads,
        Rope.rotateHalf(heads.headDim(), theta(fields, mixtral)),
        masking(fields),
        (float) epsilon,
        fields.integer("max_position_embeddings", 1, MANY),
        fields.flag("tie_word_embeddings", false),
        experts,
        mixtral ? fields.integer("num_experts_per_tok", 1, experts) : 0);
  }

  private static boolean isMixtral(JsonFields fields) throws ModelFormatException {
    String architecture = fields.firstText("architectures");
    return switch (architecture) {
      case "MixtralForCausalLM" -> true;
      case "LlamaForCausalLM" -> false;
      default ->
          throw fields.wrong(
              "architectures[0]", architecture, "LlamaForCausalLM or MixtralForCausalLM");
    };
  }

  /** Refuses what would be computed wrongly if it were ignored. */
  private static void requireSupported(JsonFields fields) throws ModelFormatException {
    if (fields.has("hidden_act") && !fields.text("hidden_act").equals("silu")) {
      throw fields.wrong("hidden_act", fields.text("hidden_act"), "silu");
    }
    for (String bias : new String[] {"attention_bias", "mlp_bias"}) {
      if (fields.flag(bias, false)) {
        throw fields.wrong(bias, true, "false");
      }
    }
    for (String absent : new String[] {"rope_scaling", "quantization_config"}) {
      if (fields.has(absent)) {
        throw fields.wrong(absent, "present", "null");
      }
    }
  }

  private static Heads heads(JsonFields fields, int hidden) throws ModelFormatException {
    int layers = fields.integer("num_hidden_layers", 1, 1 << 16);
    int queryHeads = fields.integer("num_attention_heads", 1, 1 << 16);
    int kvHeads =
        fields.has("num_key_value_heads")
            ? fields.integer("num_key_value_heads", 1, queryHeads)
            : queryHeads;
    if (queryHeads % kvHeads != 0) {
      throw fields.wrong("num_key_value_heads", kvHeads, "a divisor of " + queryHeads);
    }
    int headDim =
        fields.has("head_dim")
            ? fields.integer("head_dim", 8, KvPoolSpec.MAX_HEAD_DIM)
            : hidden / queryHeads;
    if (headDim % 8 != 0 || headDim < 8 || headDim > KvPoolSpec.MAX_HEAD_DIM) {
      throw fields.wrong("head_dim", headDim, "a multiple of 8 in 8.." + KvPoolSpec.MAX_HEAD_DIM);
    }
    return new Heads(layers, queryHeads, kvHeads, headDim);
  }

  /**
   * The base of the frequencies: where old and new files have it, or the architecture's default.
   */
  private static double theta(JsonFields fields, boolean mixtral) throws ModelFormatException {
    JsonFields holder = fields;
    if (fields.has("rope_parameters")) {
      holder = fields.object("rope_parameters");
      if (holder.has("rope_type") && !holder.text("rope_type").equals("default")) {
        throw holder.wrong("rope_type", holder.text("rope_type"), "default");
      }
    }
    if (!holder.has("rope_theta")) {
      return mixtral ? 1e6 : 1e4;
    }
    double theta = holder.number("rope_theta");
    if (!(theta >= 1 && theta <= Float.MAX_VALUE)) {
      throw holder.wrong("rope_theta", theta, "a finite number of at least 1");
    }
    return theta;
  }

  /** A window of W lets a token see itself and the W − 1 tokens before it. */
  private static Masking masking(JsonFields fields) throws ModelFormatException {
    if (!fields.has("sliding_window")) {
      return Masking.CAUSAL;
    }
    int window = fields.integer("sliding_window", 1, Integer.MAX_VALUE);
    return new Masking(true, window - 1, 0, false, false);
  }
}
