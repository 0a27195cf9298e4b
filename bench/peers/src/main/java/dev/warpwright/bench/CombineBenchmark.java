package dev.warpwright.bench;

import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.KernelDevice;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.moe.Combine;
import dev.warpwright.kernels.moe.CombineSpec;
import dev.warpwright.testkit.CaseRandom;
import dev.warpwright.testkit.CombineContract;
import java.lang.foreign.Arena;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.TearDown;

/** Weighted sum of the experts' results; many tokens are bound by the bandwidth of reading them. */
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@SuppressWarnings("NullAway.Init") // JMH calls what is annotated with Setup first
public class CombineBenchmark extends KernelBenchmark {
  private static final int TOP_K = 4;
  private static final int COLUMNS = 2048;

  @Param({"1", "128", "4096"})
  private int tokens;

  @Param("1")
  private int threads;

  private final Arena arena = Arena.ofShared();
  private KernelDevice device;
  private Combine combine;
  private ReadBandwidth bandwidth;
  private Tensor h;
  private Tensor slots;
  private Tensor weights;
  private Tensor y;

  /** Called by JMH. */
  public CombineBenchmark() {}

  /** Makes the plan, and results in random order of slots. */
  @Setup
  public void open() {
    device = MeasuredDevice.cpu(threads, new CombineContract());
    combine = device.moe().combine(new CombineSpec(tokens, TOP_K, COLUMNS));
    CaseRandom random = new CaseRandom(1);
    h = Tensor.allocate(arena, DType.F32, (long) tokens * TOP_K, COLUMNS);
    slots = Tensor.wrap(random.permutation(tokens * TOP_K), tokens, TOP_K);
    weights = Tensor.wrap(random.normals(tokens * TOP_K, 1), tokens, TOP_K);
    y = Tensor.allocate(arena, DType.F32, tokens, COLUMNS);
    bandwidth = new ReadBandwidth(h.bytes(), threads);
  }

  /** Closes everything. */
  @TearDown
  public void close() {
    combine.close();
    device.close();
    bandwidth.close();
    arena.close();
  }

  /** Sums for all tokens. */
  @Benchmark
  public Tensor combine() {
    combine.run(h, slots, weights, y);
    return y;
  }

  /** Reads as many bytes as the results have, 4 MiB at least: the floor. */
  @Benchmark
  public float read() {
    return bandwidth.read();
  }
}
