package dev.warpwright.testkit.attention;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.attention.Heads;
import dev.warpwright.kernels.attention.KvPoolSpec;
import dev.warpwright.kernels.attention.PageBuffer;
import dev.warpwright.kernels.attention.PageTransfer;
import dev.warpwright.kernels.attention.PageTransferSpec;
import dev.warpwright.kernels.attention.Rope;
import dev.warpwright.testkit.ContractTest;
import dev.warpwright.testkit.Repeats;
import dev.warpwright.testkit.ScatterPagesContract;
import java.lang.foreign.Arena;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class ScatterPagesContractTest extends ContractTest {
  private static final Heads HEADS = new Heads(1, 1, 1, 8);
  private static final KvPoolSpec PAGES = new KvPoolSpec(4, 16, 8, DType.F16);

  ScatterPagesContractTest() {
    super(new ScatterPagesContract());
  }

  /** Fast loops multiply masked values by zero, so they must learn of infinities that come in. */
  @Test
  void infinitiesShowOnlyWhereVisible() {
    try (Arena arena = Arena.ofShared();
        Fixture f = new Fixture("cpu", HEADS, PAGES, Rope.NONE);
        PageTransfer in =
            f.device.attention().pageTransfer(PageTransferSpec.scatter(PAGES, 1), f.pool)) {
      Tensor keys = Tensor.allocate(arena, DType.F16, 1, 16, 8);
      Tensor values = Tensor.allocate(arena, DType.F16, 1, 16, 8);
      values.setFloat(8, Float.POSITIVE_INFINITY);
      values.setFloat(2 * 8 + 1, Float.POSITIVE_INFINITY);
      Tensor positions = Tensor.wrap(IntStream.range(0, 16).toArray(), 1, 16);
      in.run(Tensor.wrap(new int[1], 1), new PageBuffer(keys, values, positions, List.of()));
      Tensor out = f.output(1);
      f.decode.update(f.tables(3, 1, 1));
      f.decode.run(0, Tensor.wrap(new float[8], 1, 1, 8), out, null);
      assertEquals(Float.POSITIVE_INFINITY, out.getFloat(0), "a value at position 1");
      assertEquals(0, out.getFloat(1), "a value at position 2, masked");
    }
  }

  @Test
  void allocatesNothing() {
    try (Arena arena = Arena.ofShared();
        Fixture f = new Fixture("cpu", HEADS, PAGES, Rope.NONE);
        PageTransfer in =
            f.device.attention().pageTransfer(PageTransferSpec.scatter(PAGES, 4), f.pool)) {
      Tensor pages = Tensor.wrap(new int[] {3, 0, 1}, 3);
      PageBuffer buffer =
          PageBuffer.over(arena.allocate(PageBuffer.bytes(f.pool, 3), 64), f.pool, 3);
      Repeats.assertNoAllocation(() -> in.run(pages, buffer));
    }
  }
}
