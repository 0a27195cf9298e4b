package dev.warpwright.kernels.cpu.moe;

import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.WorkerPool;
import dev.warpwright.kernels.cpu.HostDevice;
import dev.warpwright.kernels.moe.Combine;
import dev.warpwright.kernels.moe.CombineSpec;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorSpecies;

/** {@link Combine} with F32 sums by fused multiply-add, chunks of tokens on all threads. */
final class CombineVector extends Combine {
  private static final VectorSpecies<Float> F = FloatVector.SPECIES_PREFERRED;
  private static final ByteOrder LE = ByteOrder.LITTLE_ENDIAN;

  /** Products of a chunk: some ten microseconds of work. */
  private static final int CHUNK_PRODUCTS = 65_536;

  private final WorkerPool pool;
  private final WorkerPool.ChunkTask task = this::combineChunk;
  private final int chunkTokens;

  private int tokens;
  private MemorySegment h = MemorySegment.NULL;
  private MemorySegment slots = MemorySegment.NULL;
  private MemorySegment weights = MemorySegment.NULL;
  private MemorySegment y = MemorySegment.NULL;

  CombineVector(HostDevice device, CombineSpec spec) {
    super(device, spec, 0);
    pool = device.pool();
    chunkTokens = (int) Math.max(1, CHUNK_PRODUCTS / ((long) spec.topK() * spec.columns()));
  }

  @Override
  protected void execute(int tokens, Tensor h, Tensor slots, Tensor weights, Tensor y) {
    this.tokens = tokens;
    this.h = h.segment();
    this.slots = slots.segment();
    this.weights = weights.segment();
    this.y = y.segment();
    pool.run(Math.ceilDiv(tokens, chunkTokens), task);
  }

  private void combineChunk(int chunk, int worker) {
    int end = (int) Math.min((chunk + 1L) * chunkTokens, tokens);
    for (int t = chunk * chunkTokens; t < end; t++) {
      combineToken(t);
    }
  }

  private void combineToken(long token) {
    int columns = spec().columns();
    long rowBytes = 4L * columns;
    long first = token * spec().topK() * 4;
    long last = first + spec().topK() * 4L;
    long to = token * rowBytes;
    int step = F.length() * 4;
    int c = 0;
    for (; c <= columns - step; c += step) {
      FloatVector sum0 = FloatVector.zero(F);
      FloatVector sum1 = sum0;
      FloatVector sum2 = sum0;
      FloatVector sum3 = sum0;
      for (long f = first; f < last; f += 4) {
        long slot = slots.get(ValueLayout.JAVA_INT_UNALIGNED, f);
        if (slot >= 0) {
          FloatVector w =
              FloatVector.broadcast(F, weights.get(ValueLayout.JAVA_FLOAT_UNALIGNED, f));
          long from = slot * rowBytes + 4L * c;
          sum0 = FloatVector.fromMemorySegment(F, h, from, LE).fma(w, sum0);
          sum1 = FloatVector.fromMemorySegment(F, h, from + 4L * F.length(), LE).fma(w, sum1);
          sum2 = FloatVector.fromMemorySegment(F, h, from + 8L * F.length(), LE).fma(w, sum2);
          sum3 = FloatVector.fromMemorySegment(F, h, from + 12L * F.length(), LE).fma(w, sum3);
        }
      }
      sum0.intoMemorySegment(y, to + 4L * c, LE);
      sum1.intoMemorySegment(y, to + 4L * c + 4L * F.length(), LE);
      sum2.intoMemorySegment(y, to + 4L * c + 8L * F.length(), LE);
      sum3.intoMemorySegment(y, to + 4L * c + 12L * F.length(), LE);
    }
    for (; c < columns; c++) {
      float sum = 0;
      for (long f = first; f < last; f += 4) {
        long slot = slots.get(ValueLayout.JAVA_INT_UNALIGNED, f);
        if (slot >= 0) {
          float x = h.get(ValueLayout.JAVA_FLOAT_UNALIGNED, slot * rowBytes + 4L * c);
          sum = Math.fma(x, weights.get(ValueLayout.JAVA_FLOAT_UNALIGNED, f), sum);
        }
      }
      y.set(ValueLayout.JAVA_FLOAT_UNALIGNED, to + 4L * c, sum);
    }
  }

  @Override
  protected void release() {}
}
