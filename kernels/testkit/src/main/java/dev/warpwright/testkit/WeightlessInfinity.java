package dev.warpwright.testkit;

import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.KernelDevice;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.attention.Heads;
import dev.warpwright.kernels.attention.KvPool;
import dev.warpwright.kernels.attention.KvPoolSpec;
import dev.warpwright.kernels.attention.PageTables;
import dev.warpwright.kernels.attention.PagedDecode;
import dev.warpwright.kernels.attention.PagedDecodeSpec;
import dev.warpwright.kernels.attention.Rope;
import java.util.Arrays;
import java.util.stream.IntStream;

/**
 * One slot has all the weight, a thousand logits above the others, and another one infinite values:
 * they must leave no trace, wherever the two stand, in one tile or in different chunks.
 *
 * @param dtype of the pool
 * @param group query heads
 * @param length slots
 * @param infinite the slot whose values are infinite
 * @param peak the slot with the weight
 */
public record WeightlessInfinity(DType dtype, int group, int length, int infinite, int peak)
    implements ContractCase {
  private static final int DIM = 8;
  private static final int PAGE = 16;

  /** Its product with a query of ones is about 1060 after the scale. */
  private static final float LARGE = 3000;

  private static final float VALUE = 2;

  @Override
  public PagedDecodeSpec spec() {
    int pages = Math.ceilDiv(length, PAGE);
    return PagedDecodeSpec.causal(
        new Heads(1, group, 1, DIM), new KvPoolSpec(pages, PAGE, DIM, dtype), 1, 4096, Rope.NONE);
  }

  @Override
  public double run(KernelDevice reference, KernelDevice device) {
    int[] pages = IntStream.range(0, spec().pool().headPages()).toArray();
    PageTables tables =
        new PageTables(1, 1, PAGE)
            .begin(1)
            .request(1, length - 1)
            .row(length, pages, 0, pages.length);
    try (CaseMemory memory = new CaseMemory(new CaseRandom(length))) {
      float[] ones = new float[group * DIM];
      Arrays.fill(ones, 1);
      Tensor q = memory.input("q", ones, 1, group, DIM);
      Tensor expected = attend(reference, pages, tables, q, memory);
      Tensor actual = attend(device, pages, tables, q, memory);
      memory.check();
      return Compare.floats("out", expected, actual, new Tolerance(0, 0x1p-20));
    }
  }

  private Tensor attend(
      KernelDevice device, int[] pages, PageTables tables, Tensor q, CaseMemory memory) {
    float[] keys = new float[pages.length * PAGE * DIM];
    float[] values = new float[keys.length];
    keys[peak * DIM] = LARGE;
    Arrays.fill(values, peak * DIM, (peak + 1) * DIM, VALUE);
    values[infinite * DIM] = Float.POSITIVE_INFINITY;
    values[infinite * DIM + DIM - 1] = Float.NEGATIVE_INFINITY;
    Tensor out = memory.output("out of " + device.name(), DType.F32, 1, group, DIM);
    try (KvPool pool = device.attention().pool(spec().pool());
        PagedDecode plan = device.attention().pagedDecode(spec(), pool)) {
      int[] positions = IntStream.range(0, pages.length * PAGE).toArray();
      pool.importPages(
          pages,
          memory.input("keys", dtype, keys, pages.length, PAGE, DIM),
          memory.input("values", dtype, values, pages.length, PAGE, DIM),
          memory.input("positions", positions, pages.length, PAGE));
      plan.update(tables);
      plan.run(0, q, out, null);
    }
    return out;
  }
}
