package dev.warpwright.bench;

import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.KernelDevice;
import dev.warpwright.kernels.NativeCode;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.moe.Combine;
import dev.warpwright.kernels.moe.CombineSpec;
import dev.warpwright.kernels.moe.Dispatch;
import dev.warpwright.kernels.moe.DispatchSpec;
import dev.warpwright.kernels.moe.ExpertMatmul;
import dev.warpwright.kernels.moe.ExpertMatmulSpec;
import dev.warpwright.kernels.moe.ExpertMatmulSpec.Activation;
import dev.warpwright.kernels.moe.ExpertWeights;
import dev.warpwright.kernels.moe.PreparedExperts;
import dev.warpwright.kernels.moe.Route;
import dev.warpwright.kernels.moe.RouteSpec;
import dev.warpwright.testkit.CaseRandom;
import dev.warpwright.testkit.CombineContract;
import dev.warpwright.testkit.DispatchContract;
import dev.warpwright.testkit.ExpertMatmulContract;
import dev.warpwright.testkit.RouteContract;
import java.lang.foreign.Arena;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.TearDown;

/**
 * A whole layer from logits to output. {@code read} streams as many bytes as the weights of the
 * experts that the layer's tokens choose: 4 for one token, all 32 for 8 tokens or more.
 */
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@SuppressWarnings("NullAway.Init") // JMH calls what is annotated with Setup first
public class MoeLayerBenchmark extends KernelBenchmark {
  private static final int EXPERTS = MoeExperts.EXPERTS;
  private static final int TOP_K = MoeExperts.TOP_K;
  private static final int HIDDEN = MoeExperts.HIDDEN;
  private static final int INTERMEDIATE = MoeExperts.INTERMEDIATE;

  /** Sets of logits; after as many tokens the first experts come again. */
  private static final int TURNS = EXPERTS / TOP_K;

  @Param private MoeExperts.Format format = MoeExperts.Format.F32;

  @Param({"1", "16", "128"})
  private int tokens;

  @Param("1")
  private int threads;

  @Param({"AUTO", "OFF"})
  private NativeCode nativeCode = NativeCode.AUTO;

  private final Arena arena = Arena.ofShared();
  private final Tensor[] logits = new Tensor[TURNS];
  private KernelDevice device;
  private PreparedExperts expandWeights;
  private PreparedExperts reduceWeights;
  private Route route;
  private Dispatch dispatch;
  private ExpertMatmul expand;
  private ExpertMatmul reduce;
  private Combine combine;
  private ReadBandwidth bandwidth;
  private Tensor x;
  private Tensor ids;
  private Tensor weights;
  private Tensor offsets;
  private Tensor order;
  private Tensor slots;
  private Tensor inner;
  private Tensor results;
  private Tensor y;
  private int turn;

  /** Called by JMH. */
  public MoeLayerBenchmark() {}

  /** Makes weights, plans and buffers. */
  @Setup
  public void open() {
    device =
        MeasuredDevice.cpu(
            nativeCode,
            threads,
            new RouteContract(),
            new DispatchContract(),
            new ExpertMatmulContract(),
            new CombineContract());
    ExpertWeights gateAndUp =
        ExpertWeights.gated(
            format.matrices(INTERMEDIATE, HIDDEN), format.matrices(INTERMEDIATE, HIDDEN));
    ExpertWeights down = ExpertWeights.plain(format.matrices(HIDDEN, INTERMEDIATE));
    expandWeights = device.moe().prepare(gateAndUp);
    reduceWeights = device.moe().prepare(down);
    DispatchSpec dispatching = DispatchSpec.of(tokens, TOP_K, EXPERTS);
    int maxSlots = dispatching.slots(tokens);
    route = device.moe().route(RouteSpec.mixtral(tokens, EXPERTS, TOP_K));
    dispatch = device.moe().dispatch(dispatching);
    expand =
        device
            .moe()
            .expertMatmul(ExpertMatmulSpec.of(maxSlots, gateAndUp, Activation.SWIGLU, TOP_K));
    reduce = device.moe().expertMatmul(ExpertMatmulSpec.of(maxSlots, down, Activation.NONE, 0));
    combine = device.moe().combine(new CombineSpec(tokens, TOP_K, HIDDEN));
    for (int i = 0; i < TURNS; i++) {
      logits[i] = Tensor.wrap(MoeExperts.logits(tokens, i), tokens, EXPERTS);
    }
    x = Tensor.wrap(new CaseRandom(2).normals(tokens * HIDDEN, 1), tokens, HIDDEN);
    ids = Tensor.allocate(arena, DType.I32, tokens, TOP_K);
    weights = Tensor.allocate(arena, DType.F32, tokens, TOP_K);
    offsets = Tensor.allocate(arena, DType.I32, EXPERTS + 1);
    order = Tensor.allocate(arena, DType.I32, maxSlots);
    slots = Tensor.allocate(arena, DType.I32, tokens, TOP_K);
    inner = Tensor.allocate(arena, DType.F32, maxSlots, INTERMEDIATE);
    results = Tensor.allocate(arena, DType.F32, maxSlots, HIDDEN);
    y = Tensor.allocate(arena, DType.F32, tokens, HIDDEN);
    bandwidth = new ReadBandwidth(expandWeights.bytes() + reduceWeights.bytes(), threads);
  }

  /** Closes everything. */
  @TearDown
  public void close() {
    route.close();
    dispatch.close();
    expand.close();
    reduce.close();
    combine.close();
    expandWeights.close();
    reduceWeights.close();
    device.close();
    bandwidth.close();
    arena.close();
  }

  /** Applies the layer. */
  @Benchmark
  public Tensor layer() {
    turn = (turn + 1) % TURNS;
    route.run(logits[turn], null, ids, weights);
    dispatch.run(ids, offsets, order, slots);
    expand.run(expandWeights, offsets, order, x, inner);
    reduce.run(reduceWeights, offsets, null, inner, results);
    combine.run(results, slots, weights, y);
    return y;
  }

  /** Reads as many bytes as the chosen experts' weights have. */
  @Benchmark
  public float read() {
    turn = (turn + 1) % TURNS;
    return bandwidth.read(turn, Math.max(1, TURNS / tokens));
  }
}
