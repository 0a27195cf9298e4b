package dev.warpwright.bench;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/** What the machine's memory gives at best: the yardstick of every bandwidth-bound kernel. */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(1)
public class CopyBenchmark {

  @Param({"65536", "67108864"})
  private long bytes;

  private Arena arena = Arena.global();
  private MemorySegment from = MemorySegment.NULL;
  private MemorySegment to = MemorySegment.NULL;

  /** Called by JMH. */
  public CopyBenchmark() {}

  /** Allocates both sides. */
  @Setup
  public void allocate() {
    arena = Arena.ofShared();
    from = arena.allocate(bytes, 64).fill((byte) 1);
    to = arena.allocate(bytes, 64);
  }

  /** Frees both sides. */
  @TearDown
  public void free() {
    arena.close();
  }

  /** Copies {@code bytes} bytes between two native segments. */
  @Benchmark
  public MemorySegment copy() {
    return to.copyFrom(from);
  }
}
