package dev.warpwright.bench;

import dev.warpwright.kernels.WorkerPool;
import dev.warpwright.kernels.cpu.HugePages;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/**
 * Reads a native buffer once from end to end as fast as the machine allows: the floor of every
 * kernel that streams as many bytes.
 */
public final class ReadBandwidth implements AutoCloseable {
  private static final VectorSpecies<Float> LANES = FloatVector.SPECIES_PREFERRED;
  private static final ByteOrder ORDER = ByteOrder.nativeOrder();

  /** Streams of consecutive addresses a thread, each with its own sums. */
  private static final int STREAMS = 4;

  private static final int CHUNK = 4 << 20;

  /** Sizes of parts are multiples of this: whole rounds of the loop for all vectors. */
  private static final int PAGE = 4096;

  private final Arena arena = Arena.ofShared();
  private final MemorySegment buffer;
  private final WorkerPool pool;
  private final float[] sums;

  /**
   * Allocates the buffer.
   *
   * @param bytes size; rounded up to whole chunks of 4 MiB
   * @param threads number of threads that read
   */
  public ReadBandwidth(long bytes, int threads) {
    long chunks = (bytes + CHUNK - 1) / CHUNK;
    buffer = arena.allocate(chunks * CHUNK, 64);
    HugePages.advise(buffer);
    for (long at = 0; at < buffer.byteSize(); at += Float.BYTES) {
      buffer.set(ValueLayout.JAVA_FLOAT, at, 1);
    }
    pool = new WorkerPool(threads);
    sums = new float[Math.toIntExact(chunks)];
  }

  /** Size of the buffer. */
  public long bytes() {
    return buffer.byteSize();
  }

  /** Reads the buffer once; returns the sum of its floats, so that nothing can be left out. */
  public float read() {
    return read(0, 1);
  }

  /**
   * Reads one of {@code parts} equal parts, to within a page; returns the sum of its floats.
   *
   * @param part number of the part; wraps around
   * @param parts how many there are
   */
  public float read(int part, int parts) {
    long length = bytes() / parts / PAGE * PAGE;
    long from = Math.floorMod(part, parts) * length;
    int chunks = Math.toIntExact((length + CHUNK - 1) / CHUNK);
    pool.run(
        chunks,
        (chunk, worker) -> {
          long at = (long) chunk * CHUNK;
          sums[chunk] = sum(from + at, Math.min(CHUNK, length - at));
        });
    float sum = 0;
    for (int chunk = 0; chunk < chunks; chunk++) {
      sum += sums[chunk];
    }
    return sum;
  }

  /** Bytes a nanosecond, which are GB/s, of the fastest of {@code times} passes. */
  public double gigabytesPerSecond(int times) {
    long best = Long.MAX_VALUE;
    for (int i = 0; i < times; i++) {
      long start = System.nanoTime();
      float sum = read();
      best = Math.min(best, System.nanoTime() - start);
      if (sum <= 0) {
        throw new AssertionError("the buffer was not read: " + sum);
      }
    }
    return (double) bytes() / best;
  }

  private float sum(long from, long length) {
    int step = LANES.vectorByteSize();
    long stream = length / STREAMS;
    FloatVector a0 = FloatVector.zero(LANES);
    FloatVector a1 = a0;
    FloatVector b0 = a0;
    FloatVector b1 = a0;
    FloatVector c0 = a0;
    FloatVector c1 = a0;
    FloatVector d0 = a0;
    FloatVector d1 = a0;
    for (long at = from; at < from + stream; at += 2L * step) {
      a0 = a0.add(FloatVector.fromMemorySegment(LANES, buffer, at, ORDER));
      a1 = a1.add(FloatVector.fromMemorySegment(LANES, buffer, at + step, ORDER));
      b0 = b0.add(FloatVector.fromMemorySegment(LANES, buffer, at + stream, ORDER));
      b1 = b1.add(FloatVector.fromMemorySegment(LANES, buffer, at + stream + step, ORDER));
      c0 = c0.add(FloatVector.fromMemorySegment(LANES, buffer, at + 2 * stream, ORDER));
      c1 = c1.add(FloatVector.fromMemorySegment(LANES, buffer, at + 2 * stream + step, ORDER));
      d0 = d0.add(FloatVector.fromMemorySegment(LANES, buffer, at + 3 * stream, ORDER));
      d1 = d1.add(FloatVector.fromMemorySegment(LANES, buffer, at + 3 * stream + step, ORDER));
    }
    return a0.add(a1)
        .add(b0.add(b1))
        .add(c0.add(c1).add(d0.add(d1)))
        .reduceLanes(VectorOperators.ADD);
  }

  @Override
  public void close() {
    pool.close();
    arena.close();
  }
}
