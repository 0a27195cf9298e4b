package dev.warpwright.cli.model;

import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.sparse.DenseMatrix;
import dev.warpwright.kernels.sparse.InputMoments;
import dev.warpwright.kernels.sparse.WeightMatrix;
import dev.warpwright.moe.MoeWeights;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Brings tensors of a checkpoint, which have the names that Llama and Mixtral checkpoints use, into
 * the formats that a decoder computes with.
 */
final class WeightLoader {
  private final Checkpoint checkpoint;
  private final ModelConfig config;
  private final WeightKind kind;
  private final @Nullable Calibration calibration;

  /**
   * A loader.
   *
   * @param model the model
   * @param kind the format of projection and expert matrices
   * @param calibration what those are multiplied with, if that is known
   */
  WeightLoader(Model model, WeightKind kind, @Nullable Calibration calibration) {
    this.checkpoint = model.checkpoint();
    this.config = model.config();
    this.kind = kind;
    this.calibration = calibration;
  }

  /** A tensor as F32. */
  Tensor floats(String name, long... shape) throws ModelFormatException {
    return WeightKind.asFloats(checkpoint.tensor(name, shape));
  }

  /** A matrix of the query, key or value projection. */
  WeightMatrix projection(int layer, String name, int rows) throws ModelFormatException {
    return matrix(
        attention(layer) + name,
        rows,
        config.hidden(),
        calibration == null ? null : calibration.projections(layer));
  }

  /** The matrix behind the attention. */
  WeightMatrix output(int layer) throws ModelFormatException {
    return matrix(
        attention(layer) + "o_proj.weight",
        config.hidden(),
        (long) config.heads().queryHeads() * config.heads().headDim(),
        calibration == null ? null : calibration.outputs(layer));
  }

  private static String attention(int layer) {
    return layer(layer) + "self_attn.";
  }

  private static String layer(int layer) {
    return "model.layers." + layer + ".";
  }

  /** A matrix that stays exact whatever the format of the others is. */
  private WeightMatrix exact(String name, long rows, long columns) throws ModelFormatException {
    return WeightKind.F32.matrix(checkpoint.tensor(name, rows, columns), null);
  }

  private WeightMatrix matrix(String name, long rows, long columns, @Nullable InputMoments inputs)
      throws ModelFormatException {
    return kind.matrix(checkpoint.tensor(name, rows, columns), inputs);
  }

  /** The token embedding, as it lies in the file. */
  Tensor embedding() throws ModelFormatException {
    return checkpoint.tensor("model.embed_tokens.weight", config.vocabulary(), config.hidden());
  }

  /** The matrix that turns features into logits. */
  WeightMatrix head() throws ModelFormatException {
    return exact(
        config.tied() ? "model.embed_tokens.weight" : "lm_head.weight",
        config.vocabulary(),
        config.hidden());
  }

  /** Feed-forward weights of a layer; a dense layer is a mixture of one expert. */
  MoeWeights feedForward(int layer) throws ModelFormatException {
    List<WeightMatrix> gate = new ArrayList<>();
    List<WeightMatrix> up = new ArrayList<>();
    List<WeightMatrix> down = new ArrayList<>();
    for (int e = 0; e < Math.max(config.experts(), 1); e++) {
      gate.add(gate(layer, e));
      up.add(up(layer, e));
      down.add(down(layer, e));
    }
    WeightMatrix router =
        config.experts() == 0
            ? new DenseMatrix(Tensor.wrap(new float[config.hidden()], 1, config.hidden()))
            : exact(
                layer(layer) + "block_sparse_moe.gate.weight", config.experts(), config.hidden());
    return MoeWeights.of(router, gate, up, down);
  }

  /** An expert's gate matrix. */
  WeightMatrix gate(int layer, int expert) throws ModelFormatException {
    return expand(layer, expert, "w1", "gate_proj");
  }

  /** An expert's up matrix. */
  WeightMatrix up(int layer, int expert) throws ModelFormatException {
    return expand(layer, expert, "w3", "up_proj");
  }

  private WeightMatrix expand(int layer, int expert, String sparse, String dense)
      throws ModelFormatException {
    return matrix(
        expert(layer, expert, sparse, dense),
        config.intermediate(),
        config.hidden(),
        calibration == null ? null : calibration.expert(layer, expert));
  }

  private WeightMatrix down(int layer, int expert) throws ModelFormatException {
    return matrix(
        expert(layer, expert, "w2", "down_proj"),
        config.hidden(),
        config.intermediate(),
        calibration == null ? null : calibration.down(layer, expert));
  }

  private String expert(int layer, int expert, String sparse, String dense) {
    return config.experts() == 0
        ? layer(layer) + "mlp." + dense + ".weight"
        : layer(layer) + "block_sparse_moe.experts." + expert + "." + sparse + ".weight";
  }
}
