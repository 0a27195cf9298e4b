package dev.warpwright.testkit.attention;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.attention.Heads;
import dev.warpwright.kernels.attention.KvPoolSpec;
import dev.warpwright.kernels.attention.PageBuffer;
import dev.warpwright.kernels.attention.PageTables;
import dev.warpwright.kernels.attention.PageTransfer;
import dev.warpwright.kernels.attention.PageTransferSpec;
import dev.warpwright.kernels.attention.Rope;
import dev.warpwright.kernels.attention.SlotArray;
import dev.warpwright.testkit.ContractTest;
import dev.warpwright.testkit.GatherPagesContract;
import dev.warpwright.testkit.Refusals;
import dev.warpwright.testkit.Repeats;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class GatherPagesContractTest extends ContractTest {
  private static final Heads HEADS = new Heads(1, 1, 1, 8);
  private static final KvPoolSpec PAGES = new KvPoolSpec(6, 2, 8, DType.F32);

  GatherPagesContractTest() {
    super(new GatherPagesContract());
  }

  /** Three tokens of pages 4 and 1, in one block of memory and back into a pool of other pages. */
  @ParameterizedTest
  @ValueSource(strings = {"reference", "cpu"})
  void goesFromPoolToPool(String provider) {
    PageTransferSpec gather = PageTransferSpec.gather(PAGES, 4);
    PageTransferSpec scatter = PageTransferSpec.scatter(PAGES, 4);
    try (Arena arena = Arena.ofShared();
        Fixture from = new Fixture(provider, HEADS, PAGES, Rope.NONE);
        Fixture to = new Fixture("reference", HEADS, PAGES, Rope.NONE);
        SlotArray numbers = from.pool.attach("numbers", 1, 3);
        SlotArray others = to.pool.attach("numbers", 1, 0);
        PageTransfer out = from.device.attention().pageTransfer(gather, from.pool);
        PageTransfer in = to.device.attention().pageTransfer(scatter, to.pool)) {
      from.append.update(
          new PageTables(1, 1, 2).begin(1).request(3, 10).row(3, new int[] {4, 1}, 0, 2));
      Tensor k = Tensor.wrap(new float[24], 3, 1, 8);
      Tensor v = Tensor.wrap(new float[24], 3, 1, 8);
      for (int i = 0; i < 24; i++) {
        k.setFloat(i, i);
        v.setFloat(i, -i);
      }
      from.append.run(0, k, v);
      numbers.tensor().setFloat(numbers.at(1, 0), 9);
      assertEquals(2 * 128 + 64 + 64, PageBuffer.bytes(from.pool, 2));
      MemorySegment block = arena.allocate(PageBuffer.bytes(from.pool, 2));
      out.run(Tensor.wrap(new int[] {4, 1}, 2), PageBuffer.over(block, from.pool, 2));
      in.run(Tensor.wrap(new int[] {0, 5}, 2), PageBuffer.over(block, to.pool, 2));
      Tensor[] moved = to.exported(0, 5);
      for (int i = 0; i < 24; i++) {
        assertEquals(i, moved[0].getFloat(i));
        assertEquals(-i, moved[1].getFloat(i));
      }
      assertEquals(List.of(10, 11, 12, -1), Arrays.stream(moved[2].toInts()).boxed().toList());
      assertEquals(9, others.tensor().getFloat(others.at(5, 0)));
      assertEquals(3, others.tensor().getFloat(others.at(0, 1)));
      assertEquals(0, others.tensor().getFloat(others.at(1, 0)));
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"reference", "cpu"})
  void refusals(String provider) {
    Tensor keys = Refusals.floats(2, 2, 8);
    Tensor values = Refusals.floats(2, 2, 8);
    Tensor positions = Refusals.ints(new int[4], 2, 2);
    Tensor numbers = Refusals.floats(2, 2, 1);
    Tensor pages = Refusals.ints(new int[] {1, 2}, 2);
    Refusals refusals = new Refusals(keys, values, positions, numbers);
    PageBuffer plain = new PageBuffer(keys, values, positions, List.of());
    try (Fixture f = new Fixture(provider, HEADS, PAGES, Rope.NONE);
        PageTransfer gather =
            f.device.attention().pageTransfer(PageTransferSpec.gather(PAGES, 2), f.pool);
        PageTransfer scatter =
            f.device.attention().pageTransfer(PageTransferSpec.scatter(PAGES, 2), f.pool)) {
      Tensor[] before = f.exported(0, 1, 2, 3, 4, 5);
      refusals.assertRefused("pages", "null", "not null", () -> gather.run(null, plain));
      refusals.assertRefused("buffer", "null", "not null", () -> gather.run(pages, null));
      refusals.assertRefused(
          "pages[1]", "6", "0..5", () -> gather.run(Refusals.ints(new int[] {5, 6}, 2), plain));
      refusals.assertRefused(
          "pages[0]", "-1", "0..5", () -> scatter.run(Refusals.ints(new int[] {-1, 6}, 2), plain));
      refusals.assertRefused(
          "pages[1]",
          "3",
          "each page once",
          () -> scatter.run(Refusals.ints(new int[] {3, 3}, 2), plain));
      refusals.assertRefused(
          "pages.elements", "3", "0..2", () -> gather.run(Refusals.ints(new int[3], 3), plain));
      refusals.assertRefused(
          "buffer.keys.shape",
          "[2, 2, 8]",
          "[1, 2, 8]",
          () -> gather.run(Refusals.ints(new int[1], 1), plain));
      refusals.assertRefused(
          "buffer.values",
          "memory shared with buffer.keys",
          "memory disjoint from buffer.keys",
          () -> gather.run(pages, new PageBuffer(keys, keys, positions, List.of())));
      refusals.assertRefused(
          "buffer.numbers.size",
          "1",
          "the pool's 0 arrays",
          () -> gather.run(pages, new PageBuffer(keys, values, positions, List.of(numbers))));
      for (int i = 0; i < 3; i++) {
        assertEquals(-1, before[i].segment().mismatch(f.exported(0, 1, 2, 3, 4, 5)[i].segment()));
      }
      // A page may be read twice.
      gather.run(Refusals.ints(new int[] {3, 3}, 2), plain);
      refusals.assertRefused(
          "block.byteSize",
          "10",
          "at least 320",
          () -> PageBuffer.over(MemorySegment.ofArray(new byte[10]), f.pool, 2));
      f.pool.close();
      refusals.assertIllegalState(
          "KV pool on " + provider + ":0 is closed", () -> gather.run(pages, plain));
    }
  }

  @Test
  void allocatesNothing() {
    KvPoolSpec spec = new KvPoolSpec(40, 16, 8, DType.F16);
    try (Arena arena = Arena.ofShared();
        Fixture f = new Fixture("cpu", HEADS, spec, Rope.NONE);
        SlotArray numbers = f.pool.attach("numbers", 3, 0);
        PageTransfer gather =
            f.device.attention().pageTransfer(PageTransferSpec.gather(spec, 40), f.pool)) {
      Tensor pages = Tensor.wrap(new int[] {9, 3, 2}, 3);
      PageBuffer buffer =
          PageBuffer.over(arena.allocate(PageBuffer.bytes(f.pool, 3), 64), f.pool, 3);
      Repeats.assertNoAllocation(() -> gather.run(pages, buffer));
      assertEquals(3, numbers.width());
    }
  }
}
