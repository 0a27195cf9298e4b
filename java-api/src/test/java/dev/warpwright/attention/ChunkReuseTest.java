package dev.warpwright.attention;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.warpwright.Warpwright;
import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.InvalidArgumentException;
import dev.warpwright.kernels.MemoryAccount;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.attention.Rope;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Chunks of a model of two layers whose queries, keys and values depend on the token only. */
class ChunkReuseTest {
  private static final KvCacheSpec SPEC =
      KvCacheSpec.layers(2).kvHeads(2).headDim(8).pageSize(4).headPages(200).dtype(DType.F32);

  private static final int[] A = IntStream.range(0, 13).toArray();
  private static final int[] B = IntStream.range(50, 61).toArray();
  private static final int[] C = IntStream.range(80, 86).toArray();

  /** A key is turned once more and sums come in another order. */
  private static final float CLOSE = 2e-5f;

  private final long before = MemoryAccount.live();
  private final Warpwright ww = Warpwright.builder().threads(2).open();
  private final PagedKvCache cache = ww.kvCache(SPEC);
  private final AttentionSpec spec =
      AttentionSpec.queryHeads(4).over(cache).rope(Rope.rotateHalf(8, 1e4));
  private final PagedAttention attention = ww.attention(spec);
  private final ChunkRecorder recorder = new ChunkRecorder(ww.device(), spec);
  private final ChunkPlacer placer = new ChunkPlacer(ww.device(), spec);

  @AfterEach
  void close() {
    placer.close();
    recorder.close();
    attention.close();
    cache.close();
    ww.close();
    assertEquals(before, MemoryAccount.live());
  }

  private static Tensor values(int heads, int salt, int... tokens) {
    float[] values = new float[tokens.length * heads * 8];
    for (int i = 0; i < tokens.length; i++) {
      Random random = new Random(1000L * tokens[i] + salt);
      for (int j = 0; j < heads * 8; j++) {
        values[i * heads * 8 + j] = (float) random.nextGaussian();
      }
    }
    return Tensor.wrap(values, tokens.length, heads, 8);
  }

  private float[] read(Sequence sequence, int... tokens) {
    return step(cache.batch(sequence).advance(tokens.length), tokens);
  }

  /** Takes a step; gives the outputs of the last layer. */
  private float[] step(Batch batch, int... tokens) {
    Tensor out = Tensor.wrap(new float[tokens.length * 32], tokens.length, 4, 8);
    for (int layer = 0; layer < 2; layer++) {
      attention.append(layer, batch, values(2, layer, tokens), values(2, 10 + layer, tokens));
      attention.prefill(layer, batch, values(4, 20 + layer, tokens), out);
    }
    return out.toFloats();
  }

  /** Reads pieces one after the other and gives the last as a chunk. */
  private Chunk chunk(int[]... pieces) {
    int last = pieces.length - 1;
    List<int[]> prefix = List.of(pieces).subList(0, last);
    int[] lengths = prefix.stream().mapToInt(piece -> piece.length).toArray();
    try (Sequence sequence = cache.newSequence()) {
      prefix.forEach(piece -> read(sequence, piece));
      int[] tokens = pieces[last];
      Batch batch = cache.batch(sequence).advance(tokens.length);
      recorder.begin(batch, lengths);
      for (int layer = 0; layer < 2; layer++) {
        Tensor k = values(2, layer, tokens);
        Tensor v = values(2, 10 + layer, tokens);
        attention.append(layer, batch, k, v);
        recorder.attended(layer, values(4, 20 + layer, tokens), k, v);
      }
      return recorder.end(prefix, tokens);
    }
  }

  /** Where no token depends on others, a chunk from elsewhere is as good as one that was read. */
  @ParameterizedTest
  @ValueSource(ints = {0, 1, 4, 11})
  void aChunkElsewhereIsAsIfItHadBeenRead(int parts) {
    int[] anew =
        IntStream.range(0, 11).filter(i -> i * parts / 11 != (i + 1) * parts / 11).toArray();
    assertEquals(parts, anew.length);
    try (Chunk chunk = chunk(C, B);
        Sequence read = cache.newSequence();
        Sequence placed = cache.newSequence()) {
      assertEquals(6, chunk.first());
      read(read, A);
      read(read, B);
      read(placed, A);
      placer.append(placed, chunk, anew);
      assertEquals(24, placed.position());
      assertEquals(24 - parts, placed.length(1, 1));
      step(
          cache.batch(placed).advanceAt(IntStream.of(anew).map(i -> 13 + i).toArray()),
          IntStream.of(anew).map(i -> B[i]).toArray());
      assertEquals(24, placed.position());
      assertEquals(24, placed.length(0, 0));
      assertArrayEquals(read(read, C), read(placed, C), CLOSE);
      assertEquals(0, cache.freePages() % 4);
      assertThrows(
          InvalidArgumentException.class,
          () -> cache.prefixes().add(placed, IntStream.range(0, placed.position()).toArray()));
    }
    assertEquals(200, cache.freePages());
  }

  /** The same tokens at the end of the step in which the chunk's own are read anew. */
  @Test
  void whatFollowsMayBeReadInTheSameStep() {
    try (Chunk chunk = chunk(C, B);
        Sequence read = cache.newSequence();
        Sequence placed = cache.newSequence()) {
      read(read, A);
      read(read, B);
      float[] expected = read(read, 7);
      read(placed, A);
      placer.append(placed, chunk, 2, 5);
      float[] found = step(cache.batch(placed).advanceAt(new int[] {15, 18, 24}), B[2], B[5], 7);
      assertArrayEquals(expected, Arrays.copyOfRange(found, 64, 96), CLOSE);
      assertEquals(25, placed.position());
    }
  }

  /** A page that a fork holds, too, is not written. */
  @Test
  void aForkDoesNotNotice() {
    try (Chunk chunk = chunk(C, B);
        Sequence one = cache.newSequence();
        Sequence expected = cache.newSequence()) {
      read(one, A);
      read(expected, A);
      try (Sequence fork = one.fork()) {
        placer.append(one, chunk);
        assertArrayEquals(read(expected, 7), read(fork, 7));
      }
    }
    assertEquals(200, cache.freePages());
  }

  /** Two forks that go on with other chunks from within a page that they share. */
  @Test
  void forksTakeChunksOfTheirOwn() {
    try (Chunk chunk = chunk(C, B);
        Chunk other = chunk(B, C);
        Sequence alone = cache.newSequence();
        Sequence one = cache.newSequence()) {
      read(alone, A);
      placer.append(alone, chunk);
      read(one, A);
      try (Sequence fork = one.fork()) {
        placer.append(one, chunk);
        placer.append(fork, other);
        assertArrayEquals(read(alone, 7), read(one, 7));
      }
    }
    assertEquals(200, cache.freePages());
  }

  @Test
  void exhaustionChangesNothing() {
    try (Chunk chunk = chunk(C, B);
        Sequence one = cache.newSequence();
        Sequence filler = cache.newSequence()) {
      read(one, A);
      cache.batch(filler).advance(4 * 44); // 8 of 12 pages are left
      byte[] contents = Snapshots.bytes(one);
      assertThrows(PoolExhaustedException.class, () -> placer.append(one, chunk));
      assertEquals(8, cache.freePages());
      assertEquals(13, one.position());
      assertArrayEquals(contents, Snapshots.bytes(one));
    }
  }

  /** Held to the softmax of the last layer's and the first layer's logits, written out. */
  @Test
  void attentionIsThatOfAnExplicitSoftmax() {
    double[] outside = new double[B.length];
    double[] inter = new double[2];
    double intra = 0;
    int[] all = Stream.of(C, A, B).flatMapToInt(Arrays::stream).toArray();
    int first = 6 + 13;
    for (int layer = 0; layer < 2; layer++) {
      double[][] keys = rotated(values(2, layer, all), 2);
      double[][] queries = rotated(values(4, 20 + layer, all), 4);
      for (int i = 0; i < B.length; i++) {
        for (int head = 0; head < 4; head++) {
          double[] p = new double[first + i + 1];
          for (int j = 0; j < p.length; j++) {
            for (int dim = 0; dim < 8; dim++) {
              p[j] += queries[(first + i) * 4 + head][dim] * keys[j * 2 + head / 2][dim];
            }
            p[j] = Math.exp(p[j] / Math.sqrt(8));
          }
          double sum = Arrays.stream(p).sum();
          for (int j = 0; j < p.length; j++) {
            double share = p[j] / sum / 8;
            outside[i] += j < first ? share : 0;
            inter[j < 6 ? 0 : 1] += j < first ? share : 0;
            intra += j < first ? 0 : share;
          }
        }
      }
    }
    double a = inter[0] / (11 * 6) + inter[1] / (11 * 13);
    double b = intra / (11 * 11);
    try (Chunk chunk = chunk(C, A, B)) {
      assertEquals(1 / (1 + Math.exp(-a / b)), chunk.contextImpact(), 1e-5);
      assertEquals(inter[1] / (inter[0] + inter[1]), chunk.prefixOverlap(List.of(A)), 1e-5);
      int[] order =
          IntStream.range(0, 11)
              .boxed()
              .sorted((i, j) -> Double.compare(outside[j], outside[i]))
              .limit(4)
              .mapToInt(i -> i)
              .sorted()
              .toArray();
      assertArrayEquals(order, chunk.mostDependent(4 / 11.0));
    }
  }

  /** Vectors of 8, rotated at the positions of their tokens. */
  private static double[][] rotated(Tensor vectors, int heads) {
    double[][] rotated = new double[(int) vectors.elements() / 8][8];
    for (int i = 0; i < rotated.length; i++) {
      int position = i / heads;
      for (int dim = 0; dim < 4; dim++) {
        double angle = position * Math.pow(1e4, -dim / 4.0);
        double x = vectors.getFloat(i * 8L + dim);
        double y = vectors.getFloat(i * 8L + dim + 4);
        rotated[i][dim] = x * Math.cos(angle) - y * Math.sin(angle);
        rotated[i][dim + 4] = x * Math.sin(angle) + y * Math.cos(angle);
      }
    }
    return rotated;
  }

  private static Chunk made(KvSnapshot kept, List<Double> inter, double intra) {
    return new Chunk(
        new TokenBlock(C),
        kept,
        6,
        List.of(new TokenBlock(A), new TokenBlock(B), new TokenBlock(1, 2)),
        new Chunk.ChunkAttention(List.of(.1, .3, .2, .3, .0, .2), inter, intra));
  }

  @Test
  void theNumberOfTokensThatAreReadAnewFollowsTheFormula() {
    try (Sequence empty = cache.newSequence();
        Chunk chunk = made(KvSnapshot.of(empty), List.of(1.0, 2.0, 1.0), 2)) {
      double cci = 1 / (1 + Math.exp(-(1.0 / (6 * 13) + 2.0 / (6 * 11) + 1.0 / 12) / (2.0 / 36)));
      assertEquals(cci, chunk.contextImpact(), 1e-12);
      assertEquals(1, chunk.prefixOverlap(List.of(A, B, new int[] {1, 2})), 1e-12);
      assertEquals(0.75, chunk.prefixOverlap(List.of(new int[] {9}, A, B)), 1e-12);
      // Of three pairs one stands the other way round.
      assertEquals(2 / 3.0, chunk.prefixOverlap(List.of(B, A, new int[] {1, 2})), 1e-12);
      assertEquals(0, chunk.prefixOverlap(List.of()), 1e-12);
      assertEquals(cci * 0.25 * 0.5, chunk.recomputation(List.of(A, B), 0.5), 1e-12);
      assertEquals(1, chunk.recomputation(List.of(), 9), 0);
      // Of equals the earlier: 1 and 3 before 2 and 5.
      assertArrayEquals(new int[] {1, 2, 3}, chunk.mostDependent(0.5));
      assertArrayEquals(new int[0], chunk.mostDependent(0));
      assertArrayEquals(new int[] {1}, chunk.mostDependent(0.01));
    }
  }

  @Test
  void theCacheKeepsWhatWasUsedAndFindsWhatFitsBest() {
    Chunk behindA = chunk(A, B);
    Chunk behindC = chunk(C, B);
    Chunk other = chunk(A, C);
    try (ChunkCache chunks =
        new ChunkCache(behindA.bytes() + behindC.bytes() + other.bytes() - 1)) {
      chunks.put(behindA);
      chunks.put(behindC);
      assertEquals(behindA, chunks.find(List.of(A), B).orElseThrow());
      assertEquals(behindC, chunks.find(List.of(C), B).orElseThrow());
      assertTrue(chunks.find(List.of(A), A).isEmpty());
      assertThrows(InvalidArgumentException.class, () -> chunks.put(behindC));
      assertEquals(behindA, chunks.find(List.of(A), B).orElseThrow());
      chunks.put(other);
      assertEquals(2, chunks.size());
      assertEquals(behindA.bytes() + other.bytes(), chunks.bytes());
      assertEquals(behindA, chunks.find(List.of(C), B).orElseThrow());
    }
  }

  @Test
  void refusesWhatDoesNotFit() {
    try (Chunk chunk = chunk(A, B);
        Sequence sequence = cache.newSequence()) {
      assertThrows(InvalidArgumentException.class, () -> placer.append(sequence, chunk, 3, 3));
      assertThrows(InvalidArgumentException.class, () -> placer.append(sequence, chunk, 11));
      Batch batch = cache.batch(sequence);
      assertThrows(InvalidArgumentException.class, () -> batch.advanceAt(new int[] {-1}));
      assertThrows(InvalidArgumentException.class, batch::advanceAt);
      assertThrows(IllegalStateException.class, () -> recorder.end(List.of(), 1));
      batch.advance(3);
      assertThrows(InvalidArgumentException.class, () -> recorder.begin(batch, 1));
      recorder.begin(batch);
      assertThrows(InvalidArgumentException.class, () -> recorder.begin(batch));
      assertThrows(InvalidArgumentException.class, () -> recorder.end(List.of(), 1, 2, 3));
      recorder.abort();
      placer.append(sequence, chunk);
      Batch next = cache.batch(sequence).advance();
      assertThrows(InvalidArgumentException.class, () -> recorder.begin(next, 14));
      assertFalse(sequence.isExact());
    }
  }
}
