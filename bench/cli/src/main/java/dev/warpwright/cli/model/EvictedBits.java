package dev.warpwright.cli.model;

import dev.warpwright.attention.Batch;
import dev.warpwright.attention.EvictionPolicy;
import dev.warpwright.attention.PageSelection;
import dev.warpwright.attention.PagedKvCache;
import dev.warpwright.attention.PagingStatistics;
import dev.warpwright.attention.Sequence;
import dev.warpwright.kernels.Checks;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.attention.KvPoolSpec;
import java.util.Arrays;
import java.util.List;

/**
 * How well a decoder predicts a text when its cache is kept small. Each window of the text is a
 * sequence of its own: the first half is read at once, then the cache is brought to its budget, and
 * the second half is read token by token with an eviction every few tokens. What counts is the
 * prediction of the second half.
 */
public final class EvictedBits {
  /** Tokens between two evictions. */
  private static final int INTERVAL = 16;

  private final Decoder decoder;
  private final int[][] windows;
  private final int prompt;

  /**
   * A measurement.
   *
   * @param decoder the decoder; it must take as many sequences as there are windows
   * @param windows tokens of each window, all equally many and at least 4
   */
  public EvictedBits(Decoder decoder, int[][] windows) {
    Checks.between("windows", windows.length, 1, decoder.options().sequences());
    this.decoder = decoder;
    this.windows = windows;
    this.prompt = windows[0].length / 2;
    for (int[] window : windows) {
      Checks.between("window.length", window.length, 4, decoder.options().length());
      Checks.that(
          window.length == windows[0].length, "window.length", window.length, "that of the others");
    }
  }

  /**
   * What was measured.
   *
   * @param bits mean of −log2 p over the second half of each window, a token at a time
   * @param kvBytes keys and values that a sequence held at most while it read the second half;
   *     where there are fast memories, in these
   * @param paging what the fast memories of all sequences did, if there are any
   */
  public record Result(List<Double> bits, long kvBytes, PagingStatistics paging) {}

  /**
   * Measures.
   *
   * @param policy what is kept
   */
  public Result measure(EvictionPolicy policy) {
    PagedKvCache cache = decoder.cache();
    Sequence[] sequences = new Sequence[windows.length];
    try {
      for (int i = 0; i < sequences.length; i++) {
        sequences[i] = cache.newSequence();
        read(cache.batch(sequences[i]), Arrays.copyOf(windows[i], prompt));
      }
      Batch batch = cache.batch(sequences);
      cache.evict(batch, policy);
      double[] nats = new double[windows.length];
      long most = heldBytes(sequences);
      int last = windows[0].length - 1;
      for (int at = prompt; at < last; at++) {
        predict(batch, at, nats);
        most = Math.max(most, heldBytes(sequences));
        if ((at + 1 - prompt) % INTERVAL == 0) {
          cache.evict(batch, policy);
        }
      }
      double tokens = Math.log(2) * (last - prompt);
      return new Result(
          Arrays.stream(nats).mapToObj(sum -> sum / tokens).toList(),
          most / windows.length,
          paging(sequences));
    } finally {
      for (Sequence sequence : sequences) {
        if (sequence != null) {
          sequence.close();
        }
      }
    }
  }

  private long heldBytes(Sequence... sequences) {
    PageSelection selection = decoder.options().pages();
    if (selection == null || selection.frames() == 0) {
      return decoder.cache().heldBytes();
    }
    KvPoolSpec pool = decoder.cache().spec().pool();
    return (pool.bytes() + pool.scaleBytes()) / pool.headPages() * paging(sequences).resident();
  }

  private PagingStatistics paging(Sequence... sequences) {
    return Arrays.stream(sequences)
        .map(decoder::paging)
        .reduce(PagingStatistics.NONE, PagingStatistics::plus);
  }

  private void read(Batch batch, int[] tokens) {
    int chunk = decoder.options().chunk();
    for (int from = 0; from < tokens.length; from += chunk) {
      int to = Math.min(tokens.length, from + chunk);
      batch.advance(to - from);
      decoder.step(batch, Arrays.copyOfRange(tokens, from, to));
    }
  }

  /** Feeds token {@code at} of each window and adds −ln p of the next one. */
  private void predict(Batch batch, int at, double[] nats) {
    batch.advance();
    Tensor x = decoder.step(batch, Arrays.stream(windows).mapToInt(w -> w[at]).toArray());
    for (int from = 0; from < nats.length; from += decoder.logitRows()) {
      int to = Math.min(nats.length, from + decoder.logitRows());
      Tensor logits = decoder.logits(x.slice(from, to));
      for (int i = from; i < to; i++) {
        Tensor row = logits.row(i - from);
        nats[i] += Rows.logSumExp(row) - row.getFloat(windows[i][at + 1]);
      }
    }
  }
}
