package dev.warpwright.cli.model;

import dev.warpwright.kernels.DType;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.Random;

/**
 * A dense decoder of random weights, and its forward pass written down from the formulas in double:
 * what {@link Decoder} is compared with.
 */
public final class TinyLlama {
  static final int VOCABULARY = 256;
  private static final int HIDDEN = 48;
  private static final int INNER = 40;
  private static final int LAYERS = 2;
  private static final int HEADS = 6;
  private static final int KV_HEADS = 2;
  private static final int HEAD_DIM = 8;
  private static final double THETA = 500;
  private static final double EPSILON = 1e-5;

  private final boolean tied;
  private final DType dtype;
  private final Random random = new Random(5);
  private final Map<String, float[]> weights = new HashMap<>();
  private final SafetensorsBytes file = new SafetensorsBytes();

  /** A decoder whose file has weights of type {@code dtype}. */
  public TinyLlama(boolean tied, DType dtype) {
    this.tied = tied;
    this.dtype = dtype;
    add("model.embed_tokens.weight", 1, VOCABULARY, HIDDEN);
    for (int layer = 0; layer < LAYERS; layer++) {
      String prefix = "model.layers." + layer + ".";
      add(prefix + "input_layernorm.weight", 1, HIDDEN);
      add(prefix + "self_attn.q_proj.weight", 0.4, HEADS * HEAD_DIM, HIDDEN);
      add(prefix + "self_attn.k_proj.weight", 0.4, KV_HEADS * HEAD_DIM, HIDDEN);
      add(prefix + "self_attn.v_proj.weight", 0.2, KV_HEADS * HEAD_DIM, HIDDEN);
      add(prefix + "self_attn.o_proj.weight", 0.2, HIDDEN, HEADS * HEAD_DIM);
      add(prefix + "post_attention_layernorm.weight", 1, HIDDEN);
      add(prefix + "mlp.gate_proj.weight", 0.2, INNER, HIDDEN);
      add(prefix + "mlp.up_proj.weight", 0.2, INNER, HIDDEN);
      add(prefix + "mlp.down_proj.weight", 0.2, HIDDEN, INNER);
    }
    add("model.norm.weight", 1, HIDDEN);
    if (!tied) {
      add("lm_head.weight", 0.2, VOCABULARY, HIDDEN);
    }
  }

  private void add(String name, double deviation, int... shape) {
    int count = 1;
    for (int size : shape) {
      count *= size;
    }
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      // Rounded to 8 bits, so that every type stores the same number.
      float value = (float) (deviation * random.nextGaussian());
      values[i] = Float.intBitsToFloat(Float.floatToIntBits(value) & 0xFFFF0000);
      values[i] = Float.float16ToFloat(Float.floatToFloat16(values[i]));
    }
    weights.put(name, values);
    file.add(name, dtype, values, shape);
  }

  /** Writes checkpoint and configuration. */
  public void write(Path folder) throws IOException {
    Files.write(folder.resolve("model.safetensors"), file.bytes());
    Files.writeString(
        folder.resolve("config.json"),
        """
        {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "vocab_size": %d,
         "hidden_size": %d, "intermediate_size": %d, "num_hidden_layers": %d,
         "num_attention_heads": %d, "num_key_value_heads": %d, "head_dim": %d,
         "rope_theta": %s, "rms_norm_eps": %s, "max_position_embeddings": 64,
         "tie_word_embeddings": %s, "hidden_act": "silu"}
        """
            .formatted(
                VOCABULARY,
                HIDDEN,
                INNER,
                LAYERS,
                HEADS,
                KV_HEADS,
                HEAD_DIM,
                THETA,
                EPSILON,
                tied));
  }

  /** Logits behind each token. */
  double[][] logits(int[] tokens) {
    double[][] x = new double[tokens.length][];
    for (int t = 0; t < tokens.length; t++) {
      x[t] = new double[HIDDEN];
      for (int c = 0; c < HIDDEN; c++) {
        x[t][c] = weights.get("model.embed_tokens.weight")[tokens[t] * HIDDEN + c];
      }
    }
    for (int layer = 0; layer < LAYERS; layer++) {
      layer("model.layers." + layer + ".", x);
    }
    double[][] logits = new double[tokens.length][];
    for (int t = 0; t < tokens.length; t++) {
      logits[t] =
          times(
              tied ? "model.embed_tokens.weight" : "lm_head.weight",
              norm(x[t], "model.norm.weight"));
    }
    return logits;
  }

  private void layer(String prefix, double[][] x) {
    double[][] k = new double[x.length][];
    double[][] v = new double[x.length][];
    for (int t = 0; t < x.length; t++) {
      double[] n = norm(x[t], prefix + "input_layernorm.weight");
      k[t] = rotate(times(prefix + "self_attn.k_proj.weight", n), t);
      v[t] = times(prefix + "self_attn.v_proj.weight", n);
      double[] q = rotate(times(prefix + "self_attn.q_proj.weight", n), t);
      add(x[t], times(prefix + "self_attn.o_proj.weight", attend(q, k, v, t)));
      n = norm(x[t], prefix + "post_attention_layernorm.weight");
      double[] gate = times(prefix + "mlp.gate_proj.weight", n);
      double[] up = times(prefix + "mlp.up_proj.weight", n);
      for (int i = 0; i < INNER; i++) {
        up[i] *= gate[i] / (1 + Math.exp(-gate[i]));
      }
      add(x[t], times(prefix + "mlp.down_proj.weight", up));
    }
  }

  private static double[] attend(double[] q, double[][] k, double[][] v, int last) {
    double[] out = new double[HEADS * HEAD_DIM];
    for (int head = 0; head < HEADS; head++) {
      int kv = head / (HEADS / KV_HEADS);
      double sum = 0;
      for (int t = 0; t <= last; t++) {
        double dot = 0;
        for (int d = 0; d < HEAD_DIM; d++) {
          dot += q[head * HEAD_DIM + d] * k[t][kv * HEAD_DIM + d];
        }
        double weight = Math.exp(dot / Math.sqrt(HEAD_DIM));
        sum += weight;
        for (int d = 0; d < HEAD_DIM; d++) {
          out[head * HEAD_DIM + d] += weight * v[t][kv * HEAD_DIM + d];
        }
      }
      for (int d = 0; d < HEAD_DIM; d++) {
        out[head * HEAD_DIM + d] /= sum;
      }
    }
    return out;
  }

  private static double[] rotate(double[] heads, int position) {
    double[] rotated = new double[heads.length];
    int half = HEAD_DIM / 2;
    for (int at = 0; at < heads.length; at += HEAD_DIM) {
      for (int i = 0; i < half; i++) {
        double angle = position * Math.pow(THETA, -2.0 * i / HEAD_DIM);
        double a = heads[at + i];
        double b = heads[at + i + half];
        rotated[at + i] = a * Math.cos(angle) - b * Math.sin(angle);
        rotated[at + i + half] = b * Math.cos(angle) + a * Math.sin(angle);
      }
    }
    return rotated;
  }

  private double[] norm(double[] x, String weight) {
    double squares = 0;
    for (double value : x) {
      squares += value * value;
    }
    double[] y = new double[x.length];
    for (int c = 0; c < x.length; c++) {
      y[c] = x[c] / Math.sqrt(squares / x.length + EPSILON) * weights.get(weight)[c];
    }
    return y;
  }

  private double[] times(String matrix, double[] x) {
    float[] w = weights.get(matrix);
    double[] y = new double[w.length / x.length];
    for (int n = 0; n < y.length; n++) {
      for (int c = 0; c < x.length; c++) {
        y[n] += w[n * x.length + c] * x[c];
      }
    }
    return y;
  }

  private static void add(double[] sum, double[] term) {
    for (int c = 0; c < sum.length; c++) {
      sum[c] += term[c];
    }
  }
}
