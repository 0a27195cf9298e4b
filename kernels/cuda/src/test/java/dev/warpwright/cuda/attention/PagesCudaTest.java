package dev.warpwright.cuda.attention;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.warpwright.cuda.CudaTest;
import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.DeviceTensor;
import dev.warpwright.kernels.InvalidArgumentException;
import dev.warpwright.kernels.KernelDevice;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.attention.Heads;
import dev.warpwright.kernels.attention.KvPool;
import dev.warpwright.kernels.attention.KvPoolSpec;
import dev.warpwright.kernels.attention.PageBuffer;
import dev.warpwright.kernels.attention.PageTables;
import dev.warpwright.kernels.attention.PageTransfer;
import dev.warpwright.kernels.attention.PageTransferSpec;
import dev.warpwright.kernels.attention.PageTransferSpec.Direction;
import dev.warpwright.kernels.attention.RerotateKeys;
import dev.warpwright.kernels.attention.RerotateKeysSpec;
import dev.warpwright.kernels.attention.Rope;
import dev.warpwright.testkit.ContractTest;
import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Pages that are copied and turned, with tensors that the host has not seen. */
@CudaTest
class PagesCudaTest {
  private static final int PAGES = 6;
  private static final int PAGE = 3;
  private static final int DIM = 24;

  private static KvPoolSpec spec(DType dtype) {
    return new KvPoolSpec(PAGES, PAGE, DIM, dtype);
  }

  private static Tensor vectors(DType dtype, int count) {
    byte[] bytes = new byte[count * PAGE * DIM * dtype.bytes()];
    return Tensor.wrap(Arena.ofAuto().allocate(bytes.length, 16), dtype, count, PAGE, DIM);
  }

  private static Tensor positions(int count) {
    return Tensor.wrap(new int[count * PAGE], count, PAGE);
  }

  /** All bytes of the pool differ from their neighbours, and positions are numbers of slots. */
  private static void fill(KvPool pool) {
    Tensor keys = vectors(pool.spec().dtype(), PAGES);
    Tensor values = vectors(pool.spec().dtype(), PAGES);
    for (int i = 0; i < keys.bytes(); i++) {
      keys.segment().set(ValueLayout.JAVA_BYTE, i, (byte) (i % 113));
      values.segment().set(ValueLayout.JAVA_BYTE, i, (byte) (i % 109));
    }
    Tensor positions = Tensor.wrap(IntStream.range(0, PAGES * PAGE).toArray(), PAGES, PAGE);
    pool.importPages(IntStream.range(0, PAGES).toArray(), keys, values, positions);
  }

  private static DeviceTensor words(KernelDevice device, int... words) {
    DeviceTensor tensor = device.allocate(DType.I32, words.length);
    device.copy(Tensor.wrap(words, words.length), tensor.tensor());
    return tensor;
  }

  /** A buffer in a larger one, which begins where words of no other size may begin. */
  private static Tensor odd(DeviceTensor all, int count) {
    return all.tensor().slice(1, 1 + (long) count * PAGE * DIM).reshape(count, PAGE, DIM);
  }

  private static PageTransfer plan(KernelDevice device, KvPool pool, Direction direction) {
    return device.attention().pageTransfer(new PageTransferSpec(pool.spec(), 2, direction), pool);
  }

  @ParameterizedTest
  @CsvSource({"F32", "F16", "I8"})
  void buffersMayBeginAnywhere(DType dtype) {
    try (KernelDevice device = ContractTest.open("cuda", 1);
        KvPool pool = device.attention().pool(spec(dtype));
        DeviceTensor keys = device.allocate(dtype, 1 + 2 * PAGE * DIM);
        DeviceTensor values = device.allocate(dtype, 1 + 2 * PAGE * DIM);
        DeviceTensor positions = device.allocate(DType.I32, 2, PAGE);
        DeviceTensor scales = device.allocate(DType.F32, 2, PAGE, 2);
        DeviceTensor read = words(device, 4, 1);
        DeviceTensor written = words(device, 0, 5);
        PageTransfer gather = plan(device, pool, Direction.GATHER);
        PageTransfer scatter = plan(device, pool, Direction.SCATTER)) {
      fill(pool);
      List<Tensor> numbers = pool.scales() == null ? List.of() : List.of(scales.tensor());
      PageBuffer buffer = new PageBuffer(odd(keys, 2), odd(values, 2), positions.tensor(), numbers);
      gather.run(read.tensor(), buffer);
      scatter.run(written.tensor(), buffer);
      device.synchronize();
      Tensor[] all = {vectors(dtype, PAGES), vectors(dtype, PAGES), positions(PAGES)};
      pool.exportPages(IntStream.range(0, PAGES).toArray(), all[0], all[1], all[2]);
      int[] origins = {4, 1, 2, 3, 4, 1};
      long page = all[0].bytes() / PAGES;
      for (int i = 0; i < all[0].bytes(); i++) {
        long from = origins[(int) (i / page)] * page + i % page;
        assertEquals(from % 113, all[0].segment().get(ValueLayout.JAVA_BYTE, i), "key byte " + i);
        assertEquals(from % 109, all[1].segment().get(ValueLayout.JAVA_BYTE, i), "value " + i);
      }
      for (int i = 0; i < PAGES * PAGE; i++) {
        assertEquals(origins[i / PAGE] * PAGE + i % PAGE, all[2].getInt(i), "position " + i);
      }
    }
  }

  /** A page that is not there is passed over and reported; the others are copied. */
  @ParameterizedTest
  @CsvSource({"-1, GATHER", "6, GATHER", "6, SCATTER"})
  void badPagesAreReported(int bad, Direction direction) {
    try (KernelDevice device = ContractTest.open("cuda", 1);
        KvPool pool = device.attention().pool(spec(DType.F32));
        DeviceTensor keys = device.allocate(DType.F32, 2, PAGE, DIM);
        DeviceTensor values = device.allocate(DType.F32, 2, PAGE, DIM);
        DeviceTensor positions = words(device, -9, -9, -9, -9, -9, -9);
        DeviceTensor named = words(device, bad, 3);
        PageTransfer plan = plan(device, pool, direction)) {
      fill(pool);
      device.copy(vectors(DType.F32, 2), keys.tensor());
      device.copy(vectors(DType.F32, 2), values.tensor());
      Tensor there = positions.tensor().reshape(2, PAGE);
      PageBuffer buffer = new PageBuffer(keys.tensor(), values.tensor(), there, List.of());
      plan.run(named.tensor(), buffer);
      InvalidArgumentException e =
          assertThrows(InvalidArgumentException.class, device::synchronize);
      assertTrue(e.getMessage().contains("pages[0] of "), e.getMessage());
      assertTrue(e.getMessage().contains("" + bad), e.getMessage());
      Tensor after = positions(PAGES);
      pool.exportPages(
          IntStream.range(0, PAGES).toArray(),
          vectors(DType.F32, PAGES),
          vectors(DType.F32, PAGES),
          after);
      Tensor copied = positions(2);
      device.copy(there, copied);
      for (int i = 0; i < PAGE; i++) {
        boolean gathers = direction == Direction.GATHER;
        assertEquals(-9, copied.getInt(i));
        assertEquals(gathers ? 9 + i : -9, copied.getInt(PAGE + i));
        assertEquals(gathers ? 9 + i : -9, after.getInt(3 * PAGE + i));
        assertEquals(15 + i, after.getInt(5 * PAGE + i));
      }
    }
  }

  /** A slot that shall go nowhere stays; the others turn. */
  @Test
  void badPositionsAreReported() {
    Heads heads = new Heads(1, 1, 1, DIM);
    RerotateKeysSpec turn =
        new RerotateKeysSpec(heads, spec(DType.F32), 1, Rope.rotateHalf(DIM, 1e4));
    try (KernelDevice device = ContractTest.open("cuda", 1);
        KvPool pool = device.attention().pool(spec(DType.F32));
        DeviceTensor positions = words(device, 7, -1, 9, 10, Integer.MAX_VALUE);
        RerotateKeys plan = device.attention().rerotateKeys(turn, pool)) {
      fill(pool);
      plan.update(new PageTables(1, 1, PAGE).begin(1).request(0, 5).row(5, new int[] {2, 0}, 0, 2));
      plan.run(0, positions.tensor());
      InvalidArgumentException e =
          assertThrows(InvalidArgumentException.class, device::synchronize);
      assertTrue(
          e.getMessage().matches("(?s).*positions\\[[14]] of rerotateKeys.*"), e::getMessage);
      Tensor after = positions(PAGES);
      pool.exportPages(
          IntStream.range(0, PAGES).toArray(),
          vectors(DType.F32, PAGES),
          vectors(DType.F32, PAGES),
          after);
      int[] expected = {10, 1, 2, 3, 4, 5, 7, 7, 9};
      for (int i = 0; i < expected.length; i++) {
        assertEquals(expected[i], after.getInt(i), "slot " + i);
      }
    }
  }
}
