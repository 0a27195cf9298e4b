package dev.warpwright.bench;

import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.KernelDevice;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.attention.RmsNorm;
import dev.warpwright.kernels.attention.RmsNormSpec;
import dev.warpwright.testkit.CaseRandom;
import dev.warpwright.testkit.RmsNormContract;
import java.lang.foreign.Arena;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.TearDown;

/** Normalises rows of activations; many rows are bound by reading and writing them. */
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@SuppressWarnings("NullAway.Init") // JMH calls what is annotated with Setup first
public class RmsNormBenchmark extends KernelBenchmark {
  private static final int COLUMNS = 4096;

  @Param({"1", "128", "8192"})
  private int rows;

  @Param("1")
  private int threads;

  private final Arena arena = Arena.ofShared();
  private KernelDevice device;
  private RmsNorm norm;
  private ReadBandwidth bandwidth;
  private Tensor x;
  private Tensor weight;
  private Tensor y;

  /** Called by JMH. */
  public RmsNormBenchmark() {}

  /** Makes the plan and random rows. */
  @Setup
  public void open() {
    device = MeasuredDevice.cpu(threads, new RmsNormContract());
    norm = device.attention().rmsNorm(new RmsNormSpec(rows, COLUMNS, 1e-5f));
    CaseRandom random = new CaseRandom(1);
    x = Tensor.allocate(arena, DType.F32, rows, COLUMNS);
    Tensor row = Tensor.wrap(random.normals(COLUMNS, 1), 1, COLUMNS);
    for (int i = 0; i < rows; i++) {
      x.slice(i, i + 1).segment().copyFrom(row.segment());
    }
    weight = Tensor.wrap(random.normals(COLUMNS, 1), COLUMNS);
    y = Tensor.allocate(arena, DType.F32, rows, COLUMNS);
    bandwidth = new ReadBandwidth(x.bytes(), threads);
  }

  /** Closes everything. */
  @TearDown
  public void close() {
    norm.close();
    device.close();
    bandwidth.close();
    arena.close();
  }

  /** Normalises all rows. */
  @Benchmark
  public Tensor norm() {
    norm.run(x, weight, y);
    return y;
  }

  /** Reads as many bytes as the rows have, 4 MiB at least; the kernel writes as many again. */
  @Benchmark
  public float read() {
    return bandwidth.read();
  }
}
