package dev.warpwright.testkit.attention;

import static dev.warpwright.kernels.DType.F16;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.KernelDevice;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.attention.AppendKv;
import dev.warpwright.kernels.attention.AppendKvSpec;
import dev.warpwright.kernels.attention.Heads;
import dev.warpwright.kernels.attention.KvPool;
import dev.warpwright.kernels.attention.KvPoolSpec;
import dev.warpwright.kernels.attention.PageTables;
import dev.warpwright.kernels.attention.Rope;
import dev.warpwright.testkit.AppendKvContract;
import dev.warpwright.testkit.CaseRandom;
import dev.warpwright.testkit.ContractTest;
import dev.warpwright.testkit.Repeats;
import java.lang.foreign.MemorySegment;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class AppendKvContractTest extends ContractTest {
  private static final Heads ONE = new Heads(1, 1, 1, 8);

  AppendKvContractTest() {
    super(new AppendKvContract());
  }

  /** One token with elements 1 to 8 at position 1, so that the first angles are 1 and 0.01. */
  private static float[] rotated(Rope rope) {
    try (Fixture f = new Fixture("reference", ONE, new KvPoolSpec(1, 1, 8, DType.F32), rope)) {
      f.append.update(f.tables(1, 1, 1));
      Tensor k = Tensor.wrap(new float[] {1, 2, 3, 4, 5, 6, 7, 8}, 1, 1, 8);
      f.append.run(0, k, k);
      assertArrayEquals(k.toFloats(), f.exported(0)[1].toFloats(), "values are not rotated");
      return f.keys(0).toFloats();
    }
  }

  @Test
  void rotatesHalves() {
    // cos 1 = 0.540302, sin 1 = 0.841471, cos 0.01 = 0.999950, sin 0.01 = 0.00999983
    assertArrayEquals(
        new float[] {-1.984110f, 1.959901f, 2.462378f, 4.019800f, 5, 6, 7, 8},
        rotated(new Rope(Rope.Style.ROTATE_HALF, 4, 10_000)),
        2e-6f);
  }

  @Test
  void rotatesNeighbours() {
    assertArrayEquals(
        new float[] {-1.142640f, 1.922076f, 2.959851f, 4.029800f, 5, 6, 7, 8},
        rotated(new Rope(Rope.Style.INTERLEAVED, 4, 10_000)),
        2e-6f);
  }

  @Test
  void storesInTheLastSlotsOfTheRow() {
    Heads heads = new Heads(2, 2, 2, 8);
    try (Fixture f =
        new Fixture("reference", heads, new KvPoolSpec(9, 2, 8, DType.F32), Rope.NONE)) {
      PageTables tables = new PageTables(2, 2, 2).begin(1).request(2, 40);
      tables.row(2, new int[] {8}, 0, 1).row(2, new int[] {7}, 0, 1);
      // Head 1 of layer 1 has kept one slot more than head 0: its tokens begin one slot later.
      tables.row(2, new int[] {6}, 0, 1).row(3, new int[] {5, 0}, 0, 2);
      f.append.update(tables);
      float[] k = new float[2 * 2 * 8];
      for (int i = 0; i < k.length; i++) {
        k[i] = i;
      }
      Tensor tensor = Tensor.wrap(k, 2, 2, 8);
      f.append.run(1, tensor, tensor);
      Tensor[] pages = f.exported(6, 5, 0);
      assertArrayEquals(new int[] {40, 41, -1, 40, 41, -1}, pages[2].toInts());
      for (int i = 0; i < 2; i++) {
        Tensor content = pages[i];
        assertEquals(0, content.getFloat(0), "token 0, head 0");
        assertEquals(16, content.getFloat(8), "token 1, head 0");
        assertEquals(0, content.getFloat(16), "the slot before");
        assertEquals(8, content.getFloat(24), "token 0, head 1");
        assertEquals(24, content.getFloat(32), "token 1, head 1");
      }
      assertArrayEquals(new int[] {-1, -1, -1, -1}, f.exported(8, 7)[2].toInts(), "layer 0");
    }
  }

  @Test
  void roundsToNearestEven() {
    try (Fixture f = new Fixture("reference", ONE, new KvPoolSpec(1, 1, 8, DType.F16), Rope.NONE)) {
      f.append.update(f.tables(1, 1, 0));
      Tensor k =
          Tensor.wrap(
              new float[] {
                1 + 0x1p-11f, 1 + 3 * 0x1p-11f, 65_519, 65_520, 0x1p-25f, 0x1.8p-24f, -0f, 1e-30f
              },
              1,
              1,
              8);
      f.append.run(0, k, k);
      assertArrayEquals(
          new float[] {1, 1 + 0x1p-9f, 65_504, Float.POSITIVE_INFINITY, 0, 0x1p-23f, -0f, 0},
          f.keys(0).toFloats());
    }
  }

  @Test
  void sameBitsInAnyBatchWithAnyThreads() {
    int tokens = 60;
    CaseRandom random = new CaseRandom(6);
    Tensor k = Tensor.wrap(random.normals(tokens * 64, 1), tokens, 1, 64);
    Tensor v = Tensor.wrap(random.normals(tokens * 64, 1), tokens, 1, 64);
    Repeats.assertSameBits((device, from, to) -> stored(device, k, v, from, to), tokens);
  }

  /** Pages of 16 slots, one for each token; keys, then values. */
  private static Tensor stored(KernelDevice device, Tensor k, Tensor v, int from, int to) {
    int count = to - from;
    Heads heads = new Heads(1, 1, 1, 64);
    KvPoolSpec spec = new KvPoolSpec(count, 16, 64, F16);
    PageTables tables = new PageTables(1, 1, 16).begin(count);
    for (int i = 0; i < count; i++) {
      tables.request(1, 1000 + from + i);
    }
    for (int i = 0; i < count; i++) {
      tables.row(1 + (from + i) % 16, new int[] {i}, 0, 1);
    }
    try (KvPool pool = device.attention().pool(spec);
        AppendKv plan =
            device
                .attention()
                .appendKv(
                    new AppendKvSpec(heads, spec, count, count, Rope.rotateHalf(64, 1e4)), pool)) {
      plan.update(tables);
      plan.run(0, k.slice(from, to), v.slice(from, to));
      Tensor keys = Tensor.wrap(MemorySegment.ofArray(new byte[count * 2048]), F16, count, 16, 64);
      Tensor values =
          Tensor.wrap(MemorySegment.ofArray(new byte[count * 2048]), F16, count, 16, 64);
      Tensor positions = Tensor.wrap(new int[count * 16], count, 16);
      pool.exportPages(IntStream.range(0, count).toArray(), keys, values, positions);
      Tensor all = Tensor.wrap(MemorySegment.ofArray(new byte[count * 4096]), F16, count, 2, 1024);
      for (int i = 0; i < count; i++) {
        MemorySegment row = all.row(i).segment();
        row.asSlice(0, 2048).copyFrom(keys.row(i).segment());
        row.asSlice(2048).copyFrom(values.row(i).segment());
      }
      return all;
    }
  }

  @Test
  void allocatesNothing() {
    Heads heads = new Heads(1, 4, 2, 64);
    try (Fixture f =
        new Fixture("cpu", heads, new KvPoolSpec(8, 16, 64, DType.F16), Rope.rotateHalf(64, 1e4))) {
      f.append.update(f.tables(20, 3, 17));
      Tensor k = Tensor.wrap(new float[3 * 2 * 64], 3, 2, 64);
      Repeats.assertNoAllocation(() -> f.append.run(0, k, k));
    }
  }
}
