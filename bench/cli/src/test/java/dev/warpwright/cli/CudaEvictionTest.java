package dev.warpwright.cli;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.warpwright.Warpwright;
import dev.warpwright.attention.AttentionSpec;
import dev.warpwright.attention.Batch;
import dev.warpwright.attention.Cake;
import dev.warpwright.attention.EvictionPolicy;
import dev.warpwright.attention.H2o;
import dev.warpwright.attention.KvCacheSpec;
import dev.warpwright.attention.KvMerger;
import dev.warpwright.attention.PagedAttention;
import dev.warpwright.attention.PagedKvCache;
import dev.warpwright.attention.SnapKv;
import dev.warpwright.attention.Tova;
import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.KernelProvider;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.attention.Rope;
import dev.warpwright.softgpu.SoftGpuTest;
import java.util.Random;
import java.util.ServiceLoader;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** A GPU, which is a software GPU here, keeps the tokens that the CPU keeps. */
@SoftGpuTest
class CudaEvictionTest {
  private static final int LAYERS = 2;
  private static final int PAGES = 40;
  private static final int PAGE = 4;
  private static final int DIM = 16;

  @BeforeEach
  void kernelsAreCompiled() {
    assumeTrue(
        ServiceLoader.load(KernelProvider.class).stream()
            .map(ServiceLoader.Provider::get)
            .anyMatch(provider -> provider.id().equals("cuda") && provider.probe().isAvailable()),
        "the build had no nvcc");
  }

  static Stream<EvictionPolicy> policies() {
    return Stream.of(
        H2o.budget(9),
        new SnapKv(9, 4, 3),
        new Tova(9),
        new Cake(9, 4, 1, 1, 200, 3),
        new KvMerger(9, 4, 0.2));
  }

  /** Logical positions in all pages after a prompt and steps with evictions between them. */
  @ParameterizedTest
  @MethodSource("policies")
  void theSameTokensAreKept(EvictionPolicy policy) {
    int[] cpu = positions("cpu", policy);
    assertArrayEquals(cpu, positions("cuda", policy));
    assertNotEquals(0, IntStream.of(cpu).filter(position -> position > 20).count());
  }

  private static int[] positions(String backend, EvictionPolicy policy) {
    Random random = new Random(5);
    KvCacheSpec spec =
        KvCacheSpec.layers(LAYERS)
            .kvHeads(2)
            .headDim(DIM)
            .pageSize(PAGE)
            .headPages(PAGES)
            .dtype(DType.F16)
            .observing(policy.observation());
    try (Warpwright ww = Warpwright.builder().backend(backend).threads(1).open();
        PagedKvCache cache = ww.kvCache(spec);
        PagedAttention attention =
            ww.attention(AttentionSpec.queryHeads(6).over(cache).rope(Rope.rotateHalf(DIM, 1e4)))) {
      Batch batch = cache.batch(cache.newSequence());
      for (int tokens : new int[] {21, 1, 1, 1, 3, 1}) {
        batch.advance(tokens);
        Tensor out = Tensor.wrap(new float[tokens * 6 * DIM], tokens, 6, DIM);
        for (int layer = 0; layer < LAYERS; layer++) {
          attention.append(layer, batch, normals(random, tokens, 2), normals(random, tokens, 2));
          attention.attend(layer, batch, normals(random, tokens, 6), out);
        }
        cache.evict(batch, policy);
      }
      Tensor vectors = Tensor.wrap(new short[PAGES * PAGE * DIM], DType.F16, PAGES, PAGE, DIM);
      Tensor others = Tensor.wrap(new short[PAGES * PAGE * DIM], DType.F16, PAGES, PAGE, DIM);
      int[] positions = new int[PAGES * PAGE];
      cache
          .pool()
          .exportPages(
              IntStream.range(0, PAGES).toArray(),
              vectors,
              others,
              Tensor.wrap(positions, PAGES, PAGE));
      return positions;
    }
  }

  private static Tensor normals(Random random, int tokens, int heads) {
    float[] values = new float[tokens * heads * DIM];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) random.nextGaussian();
    }
    return Tensor.wrap(values, tokens, heads, DIM);
  }
}
