package dev.warpwright.bench;

import dev.warpwright.Warpwright;
import dev.warpwright.attention.AttentionSpec;
import dev.warpwright.attention.Batch;
import dev.warpwright.attention.KvCacheSpec;
import dev.warpwright.attention.PagedAttention;
import dev.warpwright.attention.PagedKvCache;
import dev.warpwright.attention.Sequence;
import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.testkit.CaseRandom;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.TearDown;

/**
 * One token for each of 16 sequences that begin alike, with what they share read once or 16 times.
 * The layers take turns, so that keys and values come from memory.
 */
@SuppressWarnings("NullAway.Init") // JMH calls what is annotated with Setup first
public class CascadeBenchmark extends KernelBenchmark {
  private static final int LAYERS = 4;
  private static final int KV_HEADS = 8;
  private static final int QUERY_HEADS = 32;
  private static final int DIM = 128;
  private static final int READERS = 16;
  private static final int OWN = 64;
  private static final int CHUNK = 512;

  @Param({"F32", "F16"})
  private DType dtype = DType.F32;

  @Param({"512", "4096"})
  private int shared;

  @Param({"false", "true"})
  private boolean cascade;

  @Param("1")
  private int threads;

  private final CaseRandom random = new CaseRandom(1);
  private Warpwright ww;
  private PagedKvCache cache;
  private PagedAttention attention;
  private Batch batch;
  private int layer;
  private Tensor q;
  private Tensor out;

  /** Called by JMH. */
  public CascadeBenchmark() {}

  /** Has one sequence read what is shared, and forks of it what each has of its own. */
  @Setup
  public void open() {
    ww = Warpwright.builder().backend("cpu").threads(threads).open();
    System.out.println("# " + ww.diagnostics());
    int pages = LAYERS * KV_HEADS * (shared / 16 + READERS * (OWN / 16 + 1));
    cache =
        ww.kvCache(
            KvCacheSpec.layers(LAYERS)
                .kvHeads(KV_HEADS)
                .headDim(DIM)
                .dtype(dtype)
                .headPages(pages));
    attention =
        ww.attention(
            AttentionSpec.queryHeads(QUERY_HEADS).over(cache).maxBatch(READERS).cascade(cascade));
    Sequence text = cache.newSequence();
    read(text, shared);
    Sequence[] readers = new Sequence[READERS];
    for (int i = 0; i < READERS; i++) {
      readers[i] = text.fork();
      read(readers[i], OWN);
    }
    batch = cache.batch(readers).advance();
    q = normals(READERS, QUERY_HEADS);
    Tensor k = normals(READERS, KV_HEADS);
    out = normals(READERS, QUERY_HEADS);
    for (int i = 0; i < LAYERS; i++) {
      attention.append(i, batch, k, k);
    }
  }

  private void read(Sequence sequence, int tokens) {
    for (int from = 0; from < tokens; from += CHUNK) {
      int count = Math.min(CHUNK, tokens - from);
      Batch one = cache.batch(sequence).advance(count);
      for (int i = 0; i < LAYERS; i++) {
        attention.append(i, one, normals(count, KV_HEADS), normals(count, KV_HEADS));
      }
    }
  }

  private Tensor normals(int tokens, int heads) {
    return Tensor.wrap(random.normals(tokens * heads * DIM, 1), tokens, heads, DIM);
  }

  /** Closes everything. */
  @TearDown
  public void close() {
    attention.close();
    cache.close();
    ww.close();
  }

  /** Attends in one layer. */
  @Benchmark
  public Tensor attend() {
    layer = (layer + 1) % LAYERS;
    attention.decode(layer, batch, q, out);
    return out;
  }
}
