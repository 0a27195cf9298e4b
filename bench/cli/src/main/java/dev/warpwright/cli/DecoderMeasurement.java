package dev.warpwright.cli;

import dev.warpwright.Warpwright;
import dev.warpwright.cli.model.BitsPerByte;
import dev.warpwright.cli.model.Decoder;
import dev.warpwright.cli.model.DecoderOptions;
import dev.warpwright.cli.model.Model;
import dev.warpwright.cli.model.ModelFormatException;
import dev.warpwright.cli.model.Sampler;
import dev.warpwright.cli.model.TokenStream;
import dev.warpwright.kernels.MemoryAccount;
import dev.warpwright.kernels.Tensor;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/** Measures one form of a decoder: how well it predicts a text, how fast it is, what it holds. */
final class DecoderMeasurement {
  private static final int WINDOW = 1024;
  private static final int PROMPT = 256;
  private static final int ROUNDS = 5;
  private static final double TEMPERATURE = 0.7;

  private final Warpwright ww;
  private final Model model;
  private final byte[] text;
  private final int window;
  private final int generated;

  /**
   * A measurement on a text in UTF-8.
   *
   * @param ww the backend
   * @param model the model
   * @param text what is read
   * @param generated tokens that each decoder writes
   */
  DecoderMeasurement(Warpwright ww, Model model, byte[] text, int generated) {
    this.ww = ww;
    this.model = model;
    this.text = text;
    this.generated = generated;
    this.window = Math.min(WINDOW, model.config().positions());
  }

  /**
   * What was measured.
   *
   * @param weights name of the weights' format
   * @param textBytes bytes of text read
   * @param window tokens of a window
   * @param bitsPerByte mean of −log2 p
   * @param prefillRate tokens a second when a window is fed at once
   * @param decodeRate tokens a second when they are generated one by one
   * @param weightBytes memory of all weights
   * @param kvBytes memory of the cache of keys and values
   * @param peakBytes most memory that all tensors, weights, caches and workspaces held at a time
   * @param processBytes most memory that the process held so far; −1 if the system does not tell
   * @param sample text that the model wrote
   */
  record Row(
      String weights,
      int textBytes,
      int window,
      double bitsPerByte,
      double prefillRate,
      double decodeRate,
      long weightBytes,
      long kvBytes,
      long peakBytes,
      long processBytes,
      String sample) {}

  /** Tokens that fit into a sequence of any decoder measured here. */
  private int length() {
    return Math.min(model.config().positions(), Math.max(window, PROMPT + generated));
  }

  /** Measures a decoder with {@code options}, whose length is chosen here. */
  Row measure(DecoderOptions options) throws ModelFormatException {
    MemoryAccount.resetPeak();
    String label = options.weights().label();
    try (Decoder decoder = new Decoder(ww, model, options.withLength(length()))) {
      BitsPerByte bits = new BitsPerByte(decoder, model.tokenizer(), text, window);
      double bitsPerByte;
      try (Progress progress = new Progress(label, bits.windows())) {
        bitsPerByte = bits.measure(progress::step);
      }
      int[] tokens = model.tokenizer().encode(text);
      int[] prompt = Arrays.copyOf(tokens, Math.min(tokens.length, Math.min(PROMPT, window / 2)));
      int[] sample = sample(decoder, prompt);
      double prefill = prefillRate(decoder, Arrays.copyOf(tokens, Math.min(tokens.length, window)));
      double decode = decodeRate(decoder, prompt);
      return new Row(
          label,
          text.length,
          window,
          bitsPerByte,
          prefill,
          decode,
          decoder.weightBytes(),
          decoder.kvBytes(),
          MemoryAccount.peak(),
          ProcessMemory.peak().orElse(-1),
          new String(model.tokenizer().decode(sample), StandardCharsets.UTF_8));
    }
  }

  private int fitting(int[] prompt) {
    return Math.min(generated, length() - prompt.length);
  }

  private int[] sample(Decoder decoder, int[] prompt) {
    try (TokenStream stream = decoder.newStream()) {
      Tensor logits = stream.feed(prompt);
      return stream.generate(logits, fitting(prompt), Sampler.random(TEMPERATURE, 1), t -> {});
    }
  }

  private static double prefillRate(Decoder decoder, int[] tokens) {
    double[] seconds = new double[ROUNDS];
    for (int round = 0; round < ROUNDS; round++) {
      try (TokenStream stream = decoder.newStream()) {
        long start = System.nanoTime();
        stream.feed(tokens);
        seconds[round] = (System.nanoTime() - start) * 1e-9;
      }
    }
    return tokens.length / median(seconds);
  }

  private double decodeRate(Decoder decoder, int[] prompt) {
    int count = fitting(prompt);
    double[] seconds = new double[ROUNDS];
    for (int round = 0; round < ROUNDS; round++) {
      try (TokenStream stream = decoder.newStream()) {
        Tensor logits = stream.feed(prompt);
        long start = System.nanoTime();
        stream.generate(logits, count, Sampler.GREEDY, t -> {});
        seconds[round] = (System.nanoTime() - start) * 1e-9;
      }
    }
    // The first token comes from the prompt's logits.
    return (count - 1) / median(seconds);
  }

  private static double median(double[] values) {
    Arrays.sort(values);
    return values[values.length / 2];
  }
}
