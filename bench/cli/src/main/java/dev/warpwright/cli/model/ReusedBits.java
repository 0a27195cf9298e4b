package dev.warpwright.cli.model;

import dev.warpwright.Warpwright;
import dev.warpwright.attention.Batch;
import dev.warpwright.attention.Chunk;
import dev.warpwright.attention.ChunkPlacer;
import dev.warpwright.attention.ChunkRecorder;
import dev.warpwright.attention.Sequence;
import dev.warpwright.kernels.Checks;
import dev.warpwright.kernels.Tensor;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;

/**
 * How well a decoder predicts a text whose middle was read elsewhere. A window of the text is a
 * beginning, a chunk and an end. The chunk is read behind the beginning of another window; behind
 * its own, those keys and values are used again, but for the tokens that are read anew. What counts
 * is the prediction of the end.
 */
public final class ReusedBits implements AutoCloseable {
  private final Decoder decoder;
  private final ChunkRecorder recorder;
  private final ChunkPlacer placer;

  /**
   * A measurement.
   *
   * @param ww the backend of the decoder
   * @param decoder a decoder that takes at least two sequences
   */
  public ReusedBits(Warpwright ww, Decoder decoder) {
    this.decoder = decoder;
    Checks.between("sequences", decoder.options().sequences(), 2, Integer.MAX_VALUE);
    recorder = new ChunkRecorder(ww.device(), decoder.attentionSpec());
    try {
      placer = new ChunkPlacer(ww.device(), decoder.attentionSpec());
    } catch (RuntimeException e) {
      recorder.close();
      throw e;
    }
  }

  /**
   * A window of a text.
   *
   * @param beginning what stands before the chunk
   * @param chunk what was read elsewhere
   * @param end what is predicted, at least two tokens
   */
  public record Window(List<Integer> beginning, List<Integer> chunk, List<Integer> end) {
    private static int[] ints(List<Integer> tokens) {
      return tokens.stream().mapToInt(i -> i).toArray();
    }
  }

  /** Mean of −log2 p over the end of a window, a token, that is read as a whole. */
  public double whole(Window window) {
    try (Sequence sequence = decoder.cache().newSequence()) {
      read(sequence, Window.ints(window.beginning()));
      read(sequence, Window.ints(window.chunk()));
      return predict(sequence, Window.ints(window.end()));
    }
  }

  /**
   * The chunk of a window as it is read behind the beginning of another. The caller closes it.
   *
   * @param window whose chunk
   * @param other whose beginning
   */
  public Chunk record(Window window, Window other) {
    int[] before = Window.ints(other.beginning());
    int[] tokens = Window.ints(window.chunk());
    Checks.between("chunk.size", tokens.length, 1, decoder.options().chunk());
    try (Sequence sequence = decoder.cache().newSequence()) {
      read(sequence, before);
      Batch batch = decoder.cache().batch(sequence).advance(tokens.length);
      recorder.begin(batch, before.length);
      decoder.listen(
          new LayerListener() {
            @Override
            public void attending(int layer, Tensor q, Tensor k, Tensor v) {
              recorder.attended(layer, q, k, v);
            }
          });
      decoder.step(batch, tokens);
      return recorder.end(List.of(before), tokens);
    } finally {
      decoder.listen(LayerListener.NONE);
      recorder.abort();
    }
  }

  /**
   * Mean of −log2 p over the end of a window whose chunk was read elsewhere.
   *
   * @param window the window
   * @param chunk what {@link #record} gave for it
   * @param part how much of the chunk is read anew, 0..1
   */
  public double reused(Window window, Chunk chunk, double part) {
    try (Sequence sequence = decoder.cache().newSequence()) {
      read(sequence, Window.ints(window.beginning()));
      int first = sequence.position();
      int[] anew = chunk.mostDependent(part);
      placer.append(sequence, chunk, anew);
      Batch batch = decoder.cache().batch(sequence);
      batch.advanceAt(IntStream.of(anew).map(i -> first + i).toArray());
      if (anew.length > 0) {
        decoder.step(batch, IntStream.of(anew).map(window.chunk()::get).toArray());
      }
      return predict(sequence, Window.ints(window.end()));
    }
  }

  private Tensor read(Sequence sequence, int... tokens) {
    Tensor last = null;
    int chunk = decoder.options().chunk();
    for (int from = 0; from < tokens.length; from += chunk) {
      int to = Math.min(tokens.length, from + chunk);
      Batch batch = decoder.cache().batch(sequence).advance(to - from);
      last = decoder.step(batch, Arrays.copyOfRange(tokens, from, to));
    }
    return Checks.notNull("tokens", last);
  }

  private double predict(Sequence sequence, int... end) {
    Checks.between("end.size", end.length, 2, decoder.options().chunk());
    Tensor x = read(sequence, end);
    double nats = 0;
    for (int from = 0; from < end.length - 1; from += decoder.logitRows()) {
      int to = Math.min(end.length - 1, from + decoder.logitRows());
      Tensor logits = decoder.logits(x.slice(from, to));
      for (int i = from; i < to; i++) {
        Tensor row = logits.row(i - from);
        nats += Rows.logSumExp(row) - row.getFloat(end[i + 1]);
      }
    }
    return nats / Math.log(2) / (end.length - 1);
  }

  @Override
  public void close() {
    placer.close();
    recorder.close();
  }
}
