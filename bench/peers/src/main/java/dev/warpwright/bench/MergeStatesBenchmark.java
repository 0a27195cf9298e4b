package dev.warpwright.bench;

import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.KernelDevice;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.attention.MergeStates;
import dev.warpwright.kernels.attention.MergeStatesSpec;
import dev.warpwright.testkit.CaseRandom;
import dev.warpwright.testkit.MergeStatesContract;
import java.lang.foreign.Arena;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.TearDown;

/** Merges states of 32 heads of 128 elements: bound by reading them. */
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@SuppressWarnings("NullAway.Init") // JMH calls what is annotated with Setup first
public class MergeStatesBenchmark extends KernelBenchmark {
  private static final int HEADS = 32;
  private static final int DIM = 128;

  @Param({"2", "8"})
  private int states;

  @Param({"16", "1024"})
  private int tokens;

  @Param("1")
  private int threads;

  private final Arena arena = Arena.ofShared();
  private KernelDevice device;
  private MergeStates merge;
  private ReadBandwidth bandwidth;
  private Tensor outs;
  private Tensor lses;
  private Tensor out;
  private Tensor lse;

  /** Called by JMH. */
  public MergeStatesBenchmark() {}

  /** Makes the plan and random states. */
  @Setup
  public void open() {
    device = MeasuredDevice.cpu(threads, new MergeStatesContract());
    merge = device.attention().mergeStates(new MergeStatesSpec(states, tokens, HEADS, DIM));
    CaseRandom random = new CaseRandom(1);
    outs = Tensor.allocate(arena, DType.F32, states, tokens, HEADS, DIM);
    Tensor one = Tensor.wrap(random.normals(tokens * HEADS * DIM, 1), 1, tokens, HEADS, DIM);
    for (int state = 0; state < states; state++) {
      outs.slice(state, state + 1).segment().copyFrom(one.segment());
    }
    lses = Tensor.wrap(random.normals(states * tokens * HEADS, 1), states, tokens, HEADS);
    out = Tensor.allocate(arena, DType.F32, tokens, HEADS, DIM);
    lse = Tensor.allocate(arena, DType.F32, tokens, HEADS);
    bandwidth = new ReadBandwidth(outs.bytes(), threads);
  }

  /** Closes everything. */
  @TearDown
  public void close() {
    merge.close();
    device.close();
    bandwidth.close();
    arena.close();
  }

  /** Merges all states. */
  @Benchmark
  public Tensor merge() {
    merge.run(outs, lses, out, lse);
    return out;
  }

  /** Reads as many bytes as the states have, 4 MiB at least; the kernel writes one state more. */
  @Benchmark
  public float read() {
    return bandwidth.read();
  }
}
