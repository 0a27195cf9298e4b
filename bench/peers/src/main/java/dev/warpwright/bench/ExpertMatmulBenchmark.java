package dev.warpwright.bench;

import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.KernelDevice;
import dev.warpwright.kernels.NativeCode;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.moe.Dispatch;
import dev.warpwright.kernels.moe.DispatchSpec;
import dev.warpwright.kernels.moe.ExpertMatmul;
import dev.warpwright.kernels.moe.ExpertMatmulSpec;
import dev.warpwright.kernels.moe.ExpertMatmulSpec.Activation;
import dev.warpwright.kernels.moe.ExpertWeights;
import dev.warpwright.kernels.moe.PreparedExperts;
import dev.warpwright.testkit.CaseRandom;
import dev.warpwright.testkit.ExpertMatmulContract;
import java.lang.foreign.Arena;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.TearDown;

/**
 * Gate and up products with SwiGLU. {@code read} streams the weights of all 32 experts: a product
 * of one token touches an eighth of them, one of 8 tokens or more touches all.
 */
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@SuppressWarnings("NullAway.Init") // JMH calls what is annotated with Setup first
public class ExpertMatmulBenchmark extends KernelBenchmark {
  private static final int EXPERTS = MoeExperts.EXPERTS;
  private static final int TOP_K = MoeExperts.TOP_K;

  /** Sets of choices; after as many tokens the first experts come again. */
  private static final int TURNS = EXPERTS / TOP_K;

  @Param private MoeExperts.Format format = MoeExperts.Format.F32;

  @Param({"1", "16", "128"})
  private int tokens;

  @Param("1")
  private int threads;

  @Param({"AUTO", "OFF"})
  private NativeCode nativeCode = NativeCode.AUTO;

  private final Arena arena = Arena.ofShared();
  private final Tensor[] offsets = new Tensor[TURNS];
  private final Tensor[] order = new Tensor[TURNS];
  private KernelDevice device;
  private PreparedExperts weights;
  private ExpertMatmul product;
  private ReadBandwidth bandwidth;
  private Tensor x;
  private Tensor y;
  private int turn;

  /** Called by JMH. */
  public ExpertMatmulBenchmark() {}

  /** Makes weights, plan and token groups. */
  @Setup
  public void open() {
    device = MeasuredDevice.cpu(nativeCode, threads, new ExpertMatmulContract());
    ExpertWeights experts =
        ExpertWeights.gated(
            format.matrices(MoeExperts.INTERMEDIATE, MoeExperts.HIDDEN),
            format.matrices(MoeExperts.INTERMEDIATE, MoeExperts.HIDDEN));
    weights = device.moe().prepare(experts);
    int slots = tokens * TOP_K;
    product =
        device.moe().expertMatmul(ExpertMatmulSpec.of(slots, experts, Activation.SWIGLU, TOP_K));
    try (Dispatch dispatch = device.moe().dispatch(DispatchSpec.of(tokens, TOP_K, EXPERTS))) {
      Tensor ids = Tensor.allocate(arena, DType.I32, tokens, TOP_K);
      Tensor places = Tensor.allocate(arena, DType.I32, tokens, TOP_K);
      for (int i = 0; i < TURNS; i++) {
        for (int f = 0; f < slots; f++) {
          ids.setInt(f, (i * TOP_K + f) % EXPERTS);
        }
        offsets[i] = Tensor.allocate(arena, DType.I32, EXPERTS + 1);
        order[i] = Tensor.allocate(arena, DType.I32, slots);
        dispatch.run(ids, offsets[i], order[i], places);
      }
    }
    x =
        Tensor.wrap(
            new CaseRandom(2).normals(tokens * MoeExperts.HIDDEN, 1), tokens, MoeExperts.HIDDEN);
    y = Tensor.allocate(arena, DType.F32, slots, MoeExperts.INTERMEDIATE);
    bandwidth = new ReadBandwidth(weights.bytes(), threads);
  }

  /** Closes everything. */
  @TearDown
  public void close() {
    product.close();
    weights.close();
    device.close();
    bandwidth.close();
    arena.close();
  }

  /** Multiplies all tokens' rows. */
  @Benchmark
  public Tensor product() {
    turn = (turn + 1) % TURNS;
    product.run(weights, offsets[turn], order[turn], x, y);
    return y;
  }

  /** Reads as many bytes as all experts' weights have. */
  @Benchmark
  public float read() {
    return bandwidth.read();
  }
}
