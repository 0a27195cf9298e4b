package dev.warpwright.tornado.attention;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.warpwright.kernels.Checks;
import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.KernelDevice;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.attention.Heads;
import dev.warpwright.kernels.attention.KvPool;
import dev.warpwright.kernels.attention.KvPoolSpec;
import dev.warpwright.kernels.attention.PageBounds;
import dev.warpwright.kernels.attention.PageBoundsSpec;
import dev.warpwright.kernels.attention.PageTables;
import dev.warpwright.testkit.ContractTest;
import java.util.Arrays;
import org.junit.jupiter.api.Test;

/** Numbers that the contract's cases do not draw: TornadoVM compares some of them wrongly. */
class PageBoundsTornadoTest {
  private static final Heads HEADS = new Heads(1, 1, 1, 8);

  /** The bounds of a page of two keys; where they have scales, the first's is 1. */
  private static float[] bounds(Tensor keys, float scale) {
    KvPoolSpec pages = new KvPoolSpec(1, 2, 8, keys.dtype());
    PageBoundsSpec spec = new PageBoundsSpec(HEADS, pages, 1, PageBoundsSpec.Scope.ALL_TOKENS);
    try (KernelDevice device = ContractTest.open("tornado", 1);
        KvPool pool = device.attention().pool(pages);
        PageBounds plan = device.attention().pageBounds(spec, pool)) {
      pool.importPages(new int[] {0}, keys, keys, Tensor.wrap(new int[2], 1, 2));
      if (pool.scales() != null) {
        Tensor scales = Checks.notNull("scales", pool.scales()).tensor();
        scales.setFloat(0, 1);
        scales.setFloat(2, scale);
      }
      plan.update(new PageTables(1, 1, 2).begin(1).request(1, 1).row(2, new int[] {0}, 0, 1));
      Tensor bounds = Tensor.wrap(new float[16], 1, 2, 8);
      plan.run(0, bounds);
      return bounds.toFloats();
    }
  }

  @Test
  void zerosHaveSigns() {
    float[] keys = new float[16];
    keys[0] = -0f;
    keys[9] = -0f;
    keys[2] = Float.NaN;
    keys[11] = Float.NaN;
    float[] bounds = bounds(Tensor.wrap(keys, 1, 2, 8), 1);
    float[] expected = new float[16];
    for (int dim = 0; dim < 2; dim++) {
      expected[dim] = -0f;
      expected[2 + dim] = Float.NaN;
      expected[10 + dim] = Float.NaN;
    }
    for (int i = 0; i < expected.length; i++) {
      assertEquals(Float.floatToIntBits(expected[i]), Float.floatToIntBits(bounds[i]), "at " + i);
    }
  }

  @Test
  void aScaleThatIsNoNumberMakesNone() {
    Tensor codes = Tensor.wrap(new byte[16], DType.I8, 1, 2, 8);
    float[] expected = new float[16];
    Arrays.fill(expected, Float.NaN);
    assertArrayEquals(expected, bounds(codes, Float.NaN));
    assertArrayEquals(new float[16], bounds(codes, 1));
  }
}
