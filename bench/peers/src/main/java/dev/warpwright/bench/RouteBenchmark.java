package dev.warpwright.bench;

import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.KernelDevice;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.moe.Route;
import dev.warpwright.kernels.moe.RouteSpec;
import dev.warpwright.testkit.CaseRandom;
import dev.warpwright.testkit.RouteContract;
import java.lang.foreign.Arena;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.TearDown;

/** Choice of experts: small data, so what counts is the time itself beside that of the products. */
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@SuppressWarnings("NullAway.Init") // JMH calls what is annotated with Setup first
public class RouteBenchmark extends KernelBenchmark {
  /** The model whose rule and sizes are used. */
  public enum Model {
    /** Softmax, 2 of 8. */
    MIXTRAL,
    /** Sigmoid and bias, 8 of 256 in 4 of 8 groups. */
    DEEP_SEEK
  }

  @Param private Model model = Model.MIXTRAL;

  @Param({"1", "128", "1024"})
  private int tokens;

  @Param("1")
  private int threads;

  private final Arena arena = Arena.ofShared();
  private KernelDevice device;
  private Route route;
  private Tensor logits;
  private @Nullable Tensor bias;
  private Tensor ids;
  private Tensor weights;

  /** Called by JMH. */
  public RouteBenchmark() {}

  /** Makes the plan and random logits. */
  @Setup
  public void open() {
    RouteSpec spec =
        model == Model.MIXTRAL
            ? RouteSpec.mixtral(tokens, 8, 2)
            : RouteSpec.deepSeek(tokens, 256, 8, 8, 4, 2.5f);
    device = MeasuredDevice.cpu(threads, new RouteContract());
    route = device.moe().route(spec);
    CaseRandom random = new CaseRandom(1);
    int experts = spec.experts();
    logits = Tensor.wrap(random.normals(tokens * experts, 2), tokens, experts);
    bias = spec.biased() ? Tensor.wrap(random.normals(experts, 0.1f), experts) : null;
    ids = Tensor.allocate(arena, DType.I32, tokens, spec.topK());
    weights = Tensor.allocate(arena, DType.F32, tokens, spec.topK());
  }

  /** Closes everything. */
  @TearDown
  public void close() {
    route.close();
    device.close();
    arena.close();
  }

  /** Routes all tokens. */
  @Benchmark
  public Tensor route() {
    route.run(logits, bias, ids, weights);
    return ids;
  }
}
