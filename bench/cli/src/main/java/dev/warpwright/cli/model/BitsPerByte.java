package dev.warpwright.cli.model;

import dev.warpwright.kernels.Checks;
import java.util.Arrays;

/**
 * How well a decoder predicts a text: the mean of −log2 p over its bytes, lower is better. The text
 * is cut into windows without overlap; each starts with an empty cache, feeds its tokens and
 * predicts all but its first.
 */
public final class BitsPerByte {
  private final Decoder decoder;
  private final Tokenizer tokenizer;
  private final int[] tokens;
  private final int window;

  /**
   * A measurement.
   *
   * @param decoder the decoder; its sequences must be long enough for a window
   * @param tokenizer the decoder's vocabulary
   * @param text the text in UTF-8
   * @param window tokens of a window, at least 2
   */
  public BitsPerByte(Decoder decoder, Tokenizer tokenizer, byte[] text, int window) {
    this.decoder = decoder;
    this.tokenizer = tokenizer;
    this.tokens = tokenizer.encode(text);
    this.window = Checks.between("window", window, 2, decoder.options().length());
    Checks.atLeast("tokens of the text", tokens.length, 2);
  }

  /** Number of windows; the last may be shorter. */
  public int windows() {
    // A last window of one token would predict nothing.
    return (tokens.length + window - 2) / window;
  }

  /**
   * Measures.
   *
   * @param windowDone called after each window
   */
  public double measure(Runnable windowDone) {
    double nats = 0;
    long bytes = 0;
    for (int j = 0; j < windows(); j++) {
      int[] fed = Arrays.copyOfRange(tokens, j * window, Math.min(tokens.length, (j + 1) * window));
      int[] targets = Arrays.copyOfRange(fed, 1, fed.length);
      try (TokenStream stream = decoder.newStream()) {
        nats += Arrays.stream(stream.score(fed, targets)).sum();
      }
      bytes += tokenizer.decode(targets).length;
      windowDone.run();
    }
    return nats / Math.log(2) / bytes;
  }
}
