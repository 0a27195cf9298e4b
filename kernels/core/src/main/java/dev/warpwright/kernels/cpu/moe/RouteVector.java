package dev.warpwright.kernels.cpu.moe;

import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.WorkerPool;
import dev.warpwright.kernels.cpu.HostDevice;
import dev.warpwright.kernels.moe.Route;
import dev.warpwright.kernels.moe.RouteSpec;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.jspecify.annotations.Nullable;

/** {@link Route} in F32, chunks of tokens on all threads. */
final class RouteVector extends Route {
  /** Scores of a chunk: some ten microseconds of work. */
  private static final int CHUNK_SCORES = 16_384;

  private final WorkerPool pool;
  private final WorkerPool.ChunkTask task = this::routeChunk;
  private final RouteScores[] scores;
  private final float[] bias;
  private final int chunkTokens;

  private int tokens;
  private MemorySegment logits = MemorySegment.NULL;
  private MemorySegment ids = MemorySegment.NULL;
  private MemorySegment weights = MemorySegment.NULL;

  RouteVector(HostDevice device, RouteSpec spec) {
    super(
        device,
        spec,
        device.pool().threads() * RouteScores.bytes(spec) + 4L * VectorExp.padded(spec.experts()));
    pool = device.pool();
    chunkTokens = Math.max(1, CHUNK_SCORES / spec.experts());
    bias = new float[VectorExp.padded(spec.experts())];
    scores = new RouteScores[pool.threads()];
    for (int i = 0; i < scores.length; i++) {
      scores[i] = new RouteScores(spec, bias);
    }
  }

  @Override
  protected void execute(
      int tokens, Tensor logits, @Nullable Tensor bias, Tensor ids, Tensor weights) {
    if (bias != null) {
      MemorySegment.copy(
          bias.segment(), ValueLayout.JAVA_FLOAT_UNALIGNED, 0, this.bias, 0, spec().experts());
    }
    this.tokens = tokens;
    this.logits = logits.segment();
    this.ids = ids.segment();
    this.weights = weights.segment();
    pool.run(Math.ceilDiv(tokens, chunkTokens), task);
  }

  private void routeChunk(int chunk, int worker) {
    int end = (int) Math.min((chunk + 1L) * chunkTokens, tokens);
    for (int t = chunk * chunkTokens; t < end; t++) {
      scores[worker].route(t, logits, ids, weights);
    }
  }

  @Override
  protected void release() {}
}
