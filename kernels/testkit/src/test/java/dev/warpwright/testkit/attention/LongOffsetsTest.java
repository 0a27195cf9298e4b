package dev.warpwright.testkit.attention;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;

import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.attention.Heads;
import dev.warpwright.kernels.attention.KvPoolSpec;
import dev.warpwright.kernels.attention.PageTables;
import dev.warpwright.kernels.attention.Rope;
import dev.warpwright.testkit.CaseRandom;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Pages behind 2^31 elements and 2^32 bytes give the bits of the same pages in a small pool. With
 * the profile "thorough" only: such a pool takes 5 GB of memory.
 */
@EnabledIfSystemProperty(named = "warpwright.sweep", matches = "3", disabledReason = "takes 5 GB")
class LongOffsetsTest {
  private static final Heads HEADS = new Heads(1, 2, 1, 256);
  private static final int LENGTH = 200;

  @ParameterizedTest
  @ValueSource(strings = {"reference", "cpu"})
  void sameBitsAsInASmallPool(String provider) {
    float[] small = attend(provider, 2, 1, 0);
    float[] large = attend(provider, 65_600, 65_599, 3);
    assertNotEquals(0, small[0]);
    assertArrayEquals(small, large);
  }

  /** Appends a prompt to two pages; outputs of its tokens and of a step after it. */
  private static float[] attend(String provider, int pages, int first, int second) {
    KvPoolSpec spec = new KvPoolSpec(pages, 128, HEADS.headDim(), DType.I8);
    CaseRandom random = new CaseRandom(1);
    Tensor k = Tensor.wrap(random.normals(LENGTH * 256, 1), LENGTH, 1, 256);
    Tensor v = Tensor.wrap(random.normals(LENGTH * 256, 1), LENGTH, 1, 256);
    Tensor q = Tensor.wrap(random.normals(2 * 256, 1), 1, 2, 256);
    try (Fixture f = new Fixture(provider, HEADS, spec, Rope.NONE)) {
      f.append.update(tables(first, second, LENGTH));
      f.append.run(0, k, v);
      Tensor decoded = f.output(1);
      f.decode.update(tables(first, second, 1));
      f.decode.run(0, q, decoded, null);
      Tensor prefilled = f.output(1);
      f.prefill.update(tables(first, second, 1));
      f.prefill.run(0, q, prefilled, null);
      float[] both = new float[1024];
      System.arraycopy(decoded.toFloats(), 0, both, 0, 512);
      System.arraycopy(prefilled.toFloats(), 0, both, 512, 512);
      return both;
    }
  }

  private static PageTables tables(int first, int second, int newTokens) {
    return new PageTables(1, 1, 128)
        .begin(1)
        .request(newTokens, LENGTH - newTokens)
        .row(LENGTH, new int[] {first, second}, 0, 2);
  }
}
