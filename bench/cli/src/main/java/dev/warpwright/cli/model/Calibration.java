package dev.warpwright.cli.model;

import dev.warpwright.Warpwright;
import dev.warpwright.kernels.sparse.InputMoments;
import java.util.Arrays;

/**
 * What every matrix of a model's layers is multiplied with while the model, with all its weights,
 * reads a sample text: see {@link dev.warpwright.kernels.sparse.Pruning#secondOrder}.
 */
public final class Calibration {
  private static final int WINDOW = 512;

  /** A matrix of more columns takes hours to prune by second moments. */
  private static final int MOST_COLUMNS = 1024;

  private final InputMoments[] projections;
  private final InputMoments[] outputs;
  private final InputMoments[][] experts;
  private final InputMoments[][] down;

  private Calibration(ModelConfig config) {
    int layers = config.heads().layers();
    int count = Math.max(config.experts(), 1);
    int queries = config.heads().queryHeads() * config.heads().headDim();
    projections = new InputMoments[layers];
    outputs = new InputMoments[layers];
    experts = new InputMoments[layers][count];
    down = new InputMoments[layers][count];
    for (int layer = 0; layer < layers; layer++) {
      projections[layer] = new InputMoments(config.hidden());
      outputs[layer] = new InputMoments(queries);
      for (int e = 0; e < count; e++) {
        experts[layer][e] = new InputMoments(config.hidden());
        down[layer][e] = new InputMoments(config.intermediate());
      }
    }
  }

  /** Whether the matrices of such a model are small enough. */
  public static boolean isFeasible(ModelConfig config) {
    int queries = config.heads().queryHeads() * config.heads().headDim();
    return Math.max(Math.max(config.hidden(), config.intermediate()), queries) <= MOST_COLUMNS;
  }

  /**
   * Reads a text.
   *
   * @param ww the backend
   * @param model the model
   * @param text the text in UTF-8; at least one token
   */
  public static Calibration on(Warpwright ww, Model model, byte[] text)
      throws ModelFormatException {
    int[] tokens = model.tokenizer().encode(text);
    int window = Math.min(WINDOW, model.config().positions());
    DecoderOptions options =
        DecoderOptions.of(WeightKind.F32, model.config()).withLength(window).withChunk(window);
    Calibration calibration = new Calibration(model.config());
    try (Decoder decoder = new Decoder(ww, model, options);
        CalibrationListener listener = new CalibrationListener(ww, model, calibration, window)) {
      decoder.listen(listener);
      for (int from = 0; from < tokens.length; from += window) {
        try (TokenStream stream = decoder.newStream()) {
          stream.feed(Arrays.copyOfRange(tokens, from, Math.min(tokens.length, from + window)));
        }
      }
    }
    return calibration;
  }

  /** Inputs of the query, key and value matrices. */
  InputMoments projections(int layer) {
    return projections[layer];
  }

  /** Inputs of the matrix behind the attention. */
  InputMoments outputs(int layer) {
    return outputs[layer];
  }

  /** Inputs of an expert's gate and up matrices. */
  InputMoments expert(int layer, int expert) {
    return experts[layer][expert];
  }

  /** Inputs of an expert's down matrix. */
  InputMoments down(int layer, int expert) {
    return down[layer][expert];
  }
}
