package dev.warpwright.cli.model;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** Turns text into tokens and back. */
public interface Tokenizer extends AutoCloseable {
  /** Tokens of a text in UTF-8. */
  int[] encode(byte[] text);

  /** The text of tokens in UTF-8. */
  byte[] decode(int[] tokens);

  @Override
  void close();

  /** Every byte is a token. */
  Tokenizer BYTES =
      new Tokenizer() {
        @Override
        public int[] encode(byte[] text) {
          int[] tokens = new int[text.length];
          for (int i = 0; i < text.length; i++) {
            tokens[i] = text[i] & 0xFF;
          }
          return tokens;
        }

        @Override
        public byte[] decode(int[] tokens) {
          byte[] text = new byte[tokens.length];
          for (int i = 0; i < tokens.length; i++) {
            text[i] = (byte) tokens[i];
          }
          return text;
        }

        @Override
        public void close() {}
      };

  /**
   * The tokenizer of a model's folder: {@code tokenizer.json} if it is there, else bytes if there
   * are 256 tokens.
   */
  static Tokenizer open(Path folder, int vocabulary) throws IOException {
    Path json = folder.resolve("tokenizer.json");
    if (Files.exists(json)) {
      return new JsonTokenizer(json);
    }
    if (vocabulary == 256) {
      return BYTES;
    }
    throw new ModelFormatException(
        json.toString(),
        "tokenizer",
        "the file is missing; only a model with a vocabulary of 256 can do without");
  }
}
