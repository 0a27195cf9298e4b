package dev.warpwright.cli.model;

import dev.warpwright.attention.Batch;
import dev.warpwright.attention.PagedKvCache;
import dev.warpwright.attention.Sequence;
import dev.warpwright.kernels.Checks;
import dev.warpwright.kernels.Tensor;
import java.util.Arrays;
import java.util.function.IntConsumer;

/** One sequence of a decoder: tokens go in, logits come out. */
public final class TokenStream implements AutoCloseable {
  private final Decoder decoder;
  private final Sequence sequence;
  private final Batch batch;

  TokenStream(Decoder decoder, PagedKvCache cache) {
    this.decoder = decoder;
    this.sequence = cache.newSequence();
    this.batch = cache.batch(sequence);
  }

  /** Hears the logits of one token after the other. */
  @FunctionalInterface
  private interface Visitor {
    /** The row is valid during the call. */
    void logits(int token, Tensor row);
  }

  /** Tokens seen so far. */
  public int position() {
    return sequence.position();
  }

  /**
   * Feeds tokens.
   *
   * @return F32 {@code [vocabulary]}: logits behind the last one; valid until the next call
   */
  public Tensor feed(int... tokens) {
    Checks.atLeast("tokens.length", tokens.length, 1);
    int chunk = decoder.options().chunk();
    Tensor x = step(tokens, 0);
    for (int from = chunk; from < tokens.length; from += chunk) {
      x = step(tokens, from);
    }
    return decoder.logits(x.slice(x.size(0) - 1, x.size(0))).row(0);
  }

  /**
   * Feeds tokens and copies the logits behind each.
   *
   * @return {@code [tokens][vocabulary]}
   */
  public float[][] feedAll(int... tokens) {
    float[][] rows = new float[tokens.length][];
    visit(tokens, (token, row) -> rows[token] = row.toFloats());
    return rows;
  }

  /**
   * Feeds tokens and measures how well each predicts its successor.
   *
   * @param tokens what is fed
   * @param targets what follows each token; may be one shorter than {@code tokens}
   * @return −ln p(target) for each target
   */
  public double[] score(int[] tokens, int[] targets) {
    Checks.between("targets.length", targets.length, tokens.length - 1, tokens.length);
    double[] nats = new double[targets.length];
    visit(
        tokens,
        (token, row) -> {
          if (token < targets.length) {
            nats[token] = Rows.logSumExp(row) - row.getFloat(targets[token]);
          }
        });
    return nats;
  }

  /**
   * Continues: chooses a token, feeds it, and so on.
   *
   * @param logits what {@link #feed} gave last
   * @param count number of tokens
   * @param sampler how a token is chosen
   * @param heard told of each token as soon as it is chosen
   */
  public int[] generate(Tensor logits, int count, Sampler sampler, IntConsumer heard) {
    int[] chosen = new int[count];
    Tensor row = logits;
    for (int i = 0; i < count; i++) {
      chosen[i] = sampler.choose(row);
      heard.accept(chosen[i]);
      if (i + 1 < count) {
        row = feed(chosen[i]);
      }
    }
    return chosen;
  }

  private void visit(int[] tokens, Visitor visitor) {
    for (int from = 0; from < tokens.length; from += decoder.options().chunk()) {
      Tensor x = step(tokens, from);
      for (int row = 0; row < x.size(0); row += decoder.logitRows()) {
        Tensor logits =
            decoder.logits(x.slice(row, Math.min(x.size(0), row + decoder.logitRows())));
        for (int i = 0; i < logits.size(0); i++) {
          visitor.logits(from + row + i, logits.row(i));
        }
      }
    }
  }

  private Tensor step(int[] tokens, int from) {
    int to = Math.min(tokens.length, from + decoder.options().chunk());
    Checks.between(
        "position", (long) sequence.position() + to - from, 0, decoder.options().length());
    batch.advance(to - from);
    return decoder.step(batch, Arrays.copyOfRange(tokens, from, to));
  }

  /** Frees the sequence's pages. */
  @Override
  public void close() {
    sequence.close();
  }
}
