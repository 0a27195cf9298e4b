package dev.warpwright.cuda.attention;

import static dev.warpwright.cuda.attention.AttentionMachine.MOST;
import static dev.warpwright.cuda.attention.AttentionMachine.assertSameBits;
import static dev.warpwright.cuda.attention.AttentionMachine.random;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.warpwright.cuda.CudaTest;
import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.DeviceException;
import dev.warpwright.kernels.DeviceTensor;
import dev.warpwright.kernels.KernelDevice;
import dev.warpwright.kernels.OutOfDeviceMemoryException;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.attention.Heads;
import dev.warpwright.kernels.attention.KvPool;
import dev.warpwright.kernels.attention.KvPoolSpec;
import dev.warpwright.kernels.attention.PageTables;
import dev.warpwright.kernels.attention.PagedDecode;
import dev.warpwright.kernels.attention.PagedDecodeSpec;
import dev.warpwright.kernels.attention.Rope;
import dev.warpwright.softgpu.CudaResult;
import dev.warpwright.softgpu.SoftGpu;
import dev.warpwright.testkit.CaseRandom;
import dev.warpwright.testkit.ContractTest;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Where the memory of attention lies, how much it is, and what happens when there is none. */
@CudaTest
class AttentionMemoryCudaTest {
  /** Tensors of the device that do not start at multiples of 16 bytes. */
  @ParameterizedTest
  @CsvSource({"2", "12"})
  void tensorsMayLieAnywhere(int group) {
    int tokens = 3;
    try (AttentionMachine m = new AttentionMachine(new Heads(1, group, 1, 8), DType.F16, 16, 1);
        DeviceTensor memory = m.device.allocate(DType.F32, 3 + 4L * tokens * group * 8)) {
      Tensor keys = random(m.keys(tokens), 1);
      Tensor q = random(m.queries(tokens), 2);
      Tensor expected = m.queries(tokens);
      PageTables all = m.tables(0, new int[] {tokens}, new int[] {tokens});
      m.append.update(all);
      m.append.run(0, keys, keys);
      m.prefill.update(all);
      m.prefill.run(0, q, expected, null);

      Tensor oddKeys = view(memory, 1, keys);
      Tensor oddQueries = view(memory, 2 + keys.elements(), q);
      Tensor oddOut = view(memory, 3 + keys.elements() + q.elements(), q);
      m.device.copy(keys, oddKeys);
      m.device.copy(q, oddQueries);
      m.append.run(0, oddKeys, oddKeys);
      m.prefill.run(0, oddQueries, oddOut, null);
      Tensor actual = m.queries(tokens);
      m.device.copy(oddOut, actual);
      assertSameBits(expected, actual);

      Tensor one = m.queries(1);
      Tensor oddOne = m.queries(1);
      m.decode.update(m.tables(0, new int[] {tokens}, new int[] {1}));
      m.decode.run(0, q.slice(2, 3), one, null);
      m.decode.run(0, oddQueries.slice(2, 3), oddOut.slice(0, 1), null);
      m.device.copy(oddOut.slice(0, 1), oddOne);
      assertSameBits(one, oddOne);
    }
  }

  private static Tensor view(DeviceTensor memory, long element, Tensor like) {
    return Tensor.of(
        memory.tensor().memory(),
        Float.BYTES * element,
        DType.F32,
        like.size(0),
        like.size(1),
        like.size(2));
  }

  /** A run works in what plan and update have allocated, and plans say how much that is. */
  @Test
  void runsAllocateNothing(SoftGpu gpu) {
    int length = 600;
    try (AttentionMachine m = new AttentionMachine(new Heads(1, 4, 2, 64), DType.F16, 16, 1)) {
      Tensor keys = random(m.keys(length), 1);
      Tensor q = random(m.queries(20), 2);
      Tensor out = m.queries(20);
      assertEquals(0, m.decode.workspaceBytes());
      PageTables all = m.tables(0, new int[] {length}, new int[] {length});
      m.append.update(all);
      m.prefill.update(m.tables(0, new int[] {length}, new int[] {20}));
      m.decode.update(m.tables(0, new int[] {length}, new int[] {1}));
      // Three chunks of 256 slots leave a state each: more than tables and rotations.
      long states = 2L * 3 * 2 * (64 + 1) * Float.BYTES;
      assertTrue(m.decode.workspaceBytes() > states, () -> m.decode.workspaceBytes() + " bytes");
      long rotation = 2L * 64 * Float.BYTES;
      assertTrue(m.append.workspaceBytes() > length * rotation);
      assertTrue(m.prefill.workspaceBytes() > 20 * rotation);
      long before = gpu.faults().calls("cuMemAlloc_v2");
      m.append.run(0, keys, keys);
      m.prefill.run(0, q, out, null);
      m.decode.run(0, q.slice(0, 1), out.slice(0, 1), null);
      assertEquals(before, gpu.faults().calls("cuMemAlloc_v2"));
    }
  }

  /** Whatever allocation fails, the exception says so, nothing leaks, and a second try works. */
  @Test
  void failedAllocationsAreReportedAndHarmless(SoftGpu gpu) {
    Heads heads = new Heads(1, 4, 2, 64);
    KvPoolSpec spec = new KvPoolSpec(16, 16, 64, DType.F16);
    Rope rope = Rope.rotateHalf(64, 1e4);
    float[] expected = new float[4 * 64];
    try (KernelDevice device = ContractTest.open("cuda", 1)) {
      for (int part = 1; part <= 3; part++) {
        gpu.faults().failCall("cuMemAlloc_v2", part, CudaResult.OUT_OF_MEMORY);
        assertThrows(OutOfDeviceMemoryException.class, () -> device.attention().pool(spec).close());
      }
      try (KvPool pool = device.attention().pool(spec);
          PagedDecode plan =
              device
                  .attention()
                  .pagedDecode(PagedDecodeSpec.causal(heads, spec, 1, MOST, rope), pool)) {
        PageTables tables = new PageTables(1, 2, 16).begin(1).request(1, 0);
        tables.row(0, new int[0], 0, 0).row(0, new int[0], 0, 0);
        Tensor q = Tensor.wrap(new float[4 * 64], 1, 4, 64);
        Tensor out = Tensor.wrap(new float[4 * 64], 1, 4, 64);
        for (int part = 1; part <= 3; part++) {
          gpu.faults().failCall("cuMemAlloc_v2", 1, CudaResult.OUT_OF_MEMORY);
          assertThrows(OutOfDeviceMemoryException.class, () -> plan.update(tables));
          assertThrows(IllegalStateException.class, () -> plan.run(0, q, out, null));
        }
        plan.update(tables);
        out.segment().fill((byte) 1);
        plan.run(0, q, out, null);
        assertArrayEquals(expected, out.toFloats());
      }
    }
  }

  /** A table that could not be filled is filled by the next update. */
  @Test
  void failedCopiesAreMadeUpFor(SoftGpu gpu) {
    Heads heads = new Heads(1, 2, 1, 64);
    KvPoolSpec spec = new KvPoolSpec(2, 16, 64, DType.F32);
    Rope rope = Rope.rotateHalf(64, 1e4);
    PageTables tables =
        new PageTables(1, 1, 16).begin(1).request(1, 20).row(21, new int[] {0, 1}, 0, 2);
    Tensor q = Tensor.wrap(new CaseRandom(4).normals(2 * 64, 1), 1, 2, 64);
    float[] keys = new CaseRandom(5).normals(2 * 16 * 64, 1);
    Tensor expected = Tensor.wrap(new float[2 * 64], 1, 2, 64);
    Tensor out = Tensor.wrap(new float[2 * 64], 1, 2, 64);
    try (KernelDevice device = ContractTest.open("cuda", 1);
        KvPool pool = device.attention().pool(spec)) {
      pool.importPages(
          new int[] {0, 1},
          Tensor.wrap(keys, 2, 16, 64),
          Tensor.wrap(keys, 2, 16, 64),
          Tensor.wrap(IntStream.range(0, 32).toArray(), 2, 16));
      PagedDecodeSpec decode = PagedDecodeSpec.causal(heads, spec, 1, MOST, rope);
      try (PagedDecode plan = device.attention().pagedDecode(decode, pool)) {
        plan.update(tables);
        plan.run(0, q, expected, null);
      }
      for (int copy = 1; copy <= 2; copy++) {
        try (PagedDecode plan = device.attention().pagedDecode(decode, pool)) {
          gpu.faults().failCall("cuMemcpyHtoDAsync_v2", copy, CudaResult.INVALID_VALUE);
          assertThrows(DeviceException.class, () -> plan.update(tables));
          plan.update(tables);
          plan.run(0, q, out, null);
          assertArrayEquals(expected.toFloats(), out.toFloats());
        }
      }
    }
  }
}
