package dev.warpwright.cli;

import dev.warpwright.cli.model.Model;
import dev.warpwright.cli.model.ShippedModel;
import dev.warpwright.kernels.DType;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.EnumSet;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** Which model a command runs, on which text. */
final class ModelOptions {
  private static final Set<DType> KV_TYPES =
      EnumSet.of(DType.F32, DType.F16, DType.BF16, DType.F8E4M3, DType.I8);

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
      description =
          "How keys and values are stored: F32 (the default), F16, BF16, I8 or F8E4M3; the last two"
              + " with a scale for each token and head.")
  private DType kv = DType.F32;

  /** Called by picocli. */
  ModelOptions() {}

  /** How keys and values are stored; refuses what no cache holds. */
  DType kv() {
    if (!KV_TYPES.contains(kv)) {
      throw new ParameterException(
          command.commandLine(), "--kv is " + kv + "; allowed: " + KV_TYPES);
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
