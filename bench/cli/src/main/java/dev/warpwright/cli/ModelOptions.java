package dev.warpwright.cli;

import dev.warpwright.cli.model.Model;
import dev.warpwright.cli.model.ShippedModel;
import dev.warpwright.kernels.DType;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** Which model a command runs, on which text. */
final class ModelOptions {
  @Spec(Spec.Target.MIXEE)
  private CommandSpec command = CommandSpec.create();

  @Option(
      names = "--model",
      paramLabel = "DIR",
      description =
          "Folder with config.json, safetensors and tokenizer.json of a Llama or Mixtral model,"
              + " instead of the shipped one.")
  private @Nullable Path model;

  @Option(
      names = "--text",
      paramLabel = "FILE",
      description = "Text in UTF-8 to measure on, instead of the shipped one.")
  private @Nullable Path text;

  @Option(
      names = "--kv",
      paramLabel = "TYPE",
      defaultValue = "F32",
      description = "How keys and values are stored: F32 (the default) or F16.")
  private DType kv = DType.F32;

  /** Called by picocli. */
  ModelOptions() {}

  /** How keys and values are stored; refuses what no cache holds. */
  DType kv() {
    if (kv != DType.F32 && kv != DType.F16) {
      throw new ParameterException(
          command.commandLine(), "--kv is " + kv + "; allowed: F32 or F16");
    }
    return kv;
  }

  /** The whole text. */
  byte[] text() throws IOException {
    return text == null ? ShippedModel.text() : Files.readAllBytes(text);
  }

  /** The model; the caller closes it. */
  Model open() throws IOException {
    return model == null ? ShippedModel.open() : Model.open(model);
  }
}
