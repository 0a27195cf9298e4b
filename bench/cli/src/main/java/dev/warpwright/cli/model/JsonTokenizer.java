package dev.warpwright.cli.model;

import ai.djl.huggingface.tokenizers.HuggingFaceTokenizer;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;

/** A tokenizer described by {@code tokenizer.json}. */
final class JsonTokenizer implements Tokenizer {
  private final HuggingFaceTokenizer tokenizer;

  JsonTokenizer(Path file) throws IOException {
    try {
      // Without limits, or the library cuts texts at the model's length.
      tokenizer =
          HuggingFaceTokenizer.newInstance(file, Map.of("truncation", "false", "padding", "false"));
    } catch (RuntimeException e) {
      throw new ModelFormatException(file.toString(), "tokenizer", String.valueOf(e.getMessage()));
    }
  }

  @Override
  public int[] encode(byte[] text) {
    long[] ids = tokenizer.encode(new String(text, StandardCharsets.UTF_8), false, false).getIds();
    return Arrays.stream(ids).mapToInt(Math::toIntExact).toArray();
  }

  @Override
  public byte[] decode(int[] tokens) {
    long[] ids = Arrays.stream(tokens).asLongStream().toArray();
    return tokenizer.decode(ids).getBytes(StandardCharsets.UTF_8);
  }

  @Override
  public void close() {
    tokenizer.close();
  }
}
