package dev.warpwright.cli.model;

import java.io.IOException;
import java.nio.file.Path;

/**
 * A decoder model as it lies on disk.
 *
 * @param name what to call it
 * @param config sizes and options
 * @param checkpoint weights
 * @param tokenizer vocabulary
 */
public record Model(String name, ModelConfig config, Checkpoint checkpoint, Tokenizer tokenizer)
    implements AutoCloseable {

  /**
   * Opens a folder with {@code config.json}, safetensors and, unless every byte is a token, {@code
   * tokenizer.json}.
   */
  public static Model open(Path folder) throws IOException {
    ModelConfig config = ModelConfig.read(folder.resolve("config.json"));
    Checkpoint checkpoint = Checkpoint.open(folder);
    try {
      Tokenizer tokenizer = Tokenizer.open(folder, config.vocabulary());
      return new Model(folder.toString(), config, checkpoint, tokenizer);
    } catch (IOException | RuntimeException e) {
      checkpoint.close();
      throw e;
    }
  }

  /** Unmaps the weights; decoders of this model must not be used after. */
  @Override
  public void close() {
    tokenizer.close();
    checkpoint.close();
  }
}
