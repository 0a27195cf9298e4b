package dev.warpwright.cli.model;

import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.sparse.DenseMatrix;
import dev.warpwright.kernels.sparse.WeightMatrix;
import dev.warpwright.moe.MoeWeights;
import java.util.ArrayList;
import java.util.List;

/**
 * Brings tensors of a checkpoint, which have the names that Llama and Mixtral checkpoints use, into
 * the formats that a decoder computes with.
 */
final class WeightLoader {
  private final Checkpoint checkpoint;
  private final ModelConfig config;
  private final WeightKind kind;

  WeightLoader(Model model, WeightKind kind) {
    this.checkpoint = model.checkpoint();
    this.config = model.config();
    this.kind = kind;
  }

  /** A tensor as F32. */
  Tensor floats(String name, long... shape) throws ModelFormatException {
    return WeightKind.asFloats(checkpoint.tensor(name, shape));
  }

  /** A matrix that stays exact whatever the format of the others is. */
  WeightMatrix exact(String name, long rows, long columns) throws ModelFormatException {
    return WeightKind.F32.matrix(checkpoint.tensor(name, rows, columns));
  }

  /** A matrix in the chosen format. */
  WeightMatrix matrix(String name, long rows, long columns) throws ModelFormatException {
    return kind.matrix(checkpoint.tensor(name, rows, columns));
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
  MoeWeights feedForward(String layer) throws ModelFormatException {
    List<WeightMatrix> gate = new ArrayList<>();
    List<WeightMatrix> up = new ArrayList<>();
    List<WeightMatrix> down = new ArrayList<>();
    WeightMatrix router;
    if (config.experts() == 0) {
      router = new DenseMatrix(Tensor.wrap(new float[config.hidden()], 1, config.hidden()));
      expert(layer + "mlp.", "gate_proj", "up_proj", "down_proj", gate, up, down);
    } else {
      String block = layer + "block_sparse_moe.";
      router = exact(block + "gate.weight", config.experts(), config.hidden());
      for (int e = 0; e < config.experts(); e++) {
        expert(block + "experts." + e + ".", "w1", "w3", "w2", gate, up, down);
      }
    }
    return MoeWeights.of(router, gate, up, down);
  }

  private void expert(
      String prefix,
      String gateName,
      String upName,
      String downName,
      List<WeightMatrix> gate,
      List<WeightMatrix> up,
      List<WeightMatrix> down)
      throws ModelFormatException {
    int hidden = config.hidden();
    int inner = config.intermediate();
    gate.add(matrix(prefix + gateName + ".weight", inner, hidden));
    up.add(matrix(prefix + upName + ".weight", inner, hidden));
    down.add(matrix(prefix + downName + ".weight", hidden, inner));
  }
}
