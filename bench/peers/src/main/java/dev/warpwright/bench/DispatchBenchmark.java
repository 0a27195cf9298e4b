package dev.warpwright.bench;

import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.KernelDevice;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.moe.Dispatch;
import dev.warpwright.kernels.moe.DispatchSpec;
import dev.warpwright.testkit.CaseRandom;
import dev.warpwright.testkit.DispatchContract;
import java.lang.foreign.Arena;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.TearDown;

/** Grouping of choices by expert: small data, so what counts is the time itself. */
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@SuppressWarnings("NullAway.Init") // JMH calls what is annotated with Setup first
public class DispatchBenchmark extends KernelBenchmark {
  private static final int TOP_K = 8;

  @Param({"1", "128", "1024"})
  private int tokens;

  @Param({"32", "256"})
  private int experts;

  @Param({"1", "16"})
  private int tile;

  private final Arena arena = Arena.ofShared();
  private KernelDevice device;
  private Dispatch dispatch;
  private Tensor ids;
  private Tensor offsets;
  private Tensor order;
  private Tensor slots;

  /** Called by JMH. */
  public DispatchBenchmark() {}

  /** Makes the plan and random choices. */
  @Setup
  public void open() {
    DispatchSpec spec = new DispatchSpec(tokens, TOP_K, experts, tile, 0);
    device = MeasuredDevice.cpu(1, new DispatchContract());
    dispatch = device.moe().dispatch(spec);
    CaseRandom random = new CaseRandom(1);
    ids = Tensor.allocate(arena, DType.I32, tokens, TOP_K);
    for (int f = 0; f < ids.elements(); f++) {
      ids.setInt(f, random.between(0, experts - 1));
    }
    offsets = Tensor.allocate(arena, DType.I32, experts + 1);
    order = Tensor.allocate(arena, DType.I32, spec.slots(tokens));
    slots = Tensor.allocate(arena, DType.I32, tokens, TOP_K);
  }

  /** Closes everything. */
  @TearDown
  public void close() {
    dispatch.close();
    device.close();
    arena.close();
  }

  /** Groups all choices. */
  @Benchmark
  public Tensor dispatch() {
    dispatch.run(ids, offsets, order, slots);
    return order;
  }
}
