package dev.warpwright.cuda.attention;

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
import dev.warpwright.kernels.attention.AppendKv;
import dev.warpwright.kernels.attention.AppendKvSpec;
import dev.warpwright.kernels.attention.Heads;
import dev.warpwright.kernels.attention.KvPool;
import dev.warpwright.kernels.attention.KvPoolSpec;
import dev.warpwright.kernels.attention.PageTables;
import dev.warpwright.kernels.attention.PagedDecode;
import dev.warpwright.kernels.attention.PagedDecodeSpec;
import dev.warpwright.kernels.attention.PagedPrefill;
import dev.warpwright.kernels.attention.PagedPrefillSpec;
import dev.warpwright.kernels.attention.Rope;
import dev.warpwright.softgpu.CudaResult;
import dev.warpwright.softgpu.SoftGpu;
import dev.warpwright.testkit.CaseRandom;
import dev.warpwright.testkit.ContractTest;
import java.util.Arrays;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What the contracts promise beside results within a tolerance. */
@CudaTest
class AttentionCudaTest {
  private static final int MOST = 2048;

  /** A device, a pool and its three plans; every row owns a run of the pool's pages. */
  private static final class Machine implements AutoCloseable {
    final KernelDevice device = ContractTest.open("cuda", 1);
    final Heads heads;
    final KvPoolSpec spec;
    final KvPool pool;
    final AppendKv append;
    final PagedDecode decode;
    final PagedPrefill prefill;
    private final int requests;

    Machine(Heads heads, DType dtype, int pageSize, int requests) {
      this.heads = heads;
      this.requests = requests;
      int pages = Math.ceilDiv(MOST, pageSize) * heads.kvHeads() * requests;
      Rope rope = Rope.rotateHalf(heads.headDim(), 1e4);
      spec = new KvPoolSpec(pages, pageSize, heads.headDim(), dtype);
      pool = device.attention().pool(spec);
      append =
          device.attention().appendKv(new AppendKvSpec(heads, spec, requests, MOST, rope), pool);
      decode =
          device
              .attention()
              .pagedDecode(PagedDecodeSpec.causal(heads, spec, requests, MOST, rope), pool);
      prefill =
          device
              .attention()
              .pagedPrefill(PagedPrefillSpec.causal(heads, spec, requests, MOST, MOST, rope), pool);
    }

    /** Requests {@code from} and up with {@code lengths} slots, of which {@code tokens} are new. */
    PageTables tables(int from, int[] lengths, int[] tokens) {
      PageTables tables = new PageTables(1, heads.kvHeads(), spec.pageSize()).begin(lengths.length);
      for (int i = 0; i < lengths.length; i++) {
        tables.request(tokens[i], lengths[i] - tokens[i]);
      }
      int pagesOfRow = spec.headPages() / (heads.kvHeads() * requests);
      for (int i = 0; i < lengths.length; i++) {
        for (int head = 0; head < heads.kvHeads(); head++) {
          int first = ((from + i) * heads.kvHeads() + head) * pagesOfRow;
          int count = Math.ceilDiv(lengths[i], spec.pageSize());
          tables.row(lengths[i], IntStream.range(first, first + count).toArray(), 0, count);
        }
      }
      return tables;
    }

    Tensor queries(int tokens) {
      return Tensor.wrap(
          new float[tokens * heads.queryHeads() * heads.headDim()],
          tokens,
          heads.queryHeads(),
          heads.headDim());
    }

    Tensor keys(int tokens) {
      return Tensor.wrap(
          new float[tokens * heads.kvHeads() * heads.headDim()],
          tokens,
          heads.kvHeads(),
          heads.headDim());
    }

    @Override
    public void close() {
      append.close();
      decode.close();
      prefill.close();
      pool.close();
      device.close();
    }
  }

  private static Tensor random(Tensor tensor, long seed) {
    CaseRandom random = new CaseRandom(seed);
    for (long i = 0; i < tensor.elements(); i++) {
      tensor.setFloat(i, random.normal());
    }
    return tensor;
  }

  private static void assertSameBits(Tensor expected, Tensor actual) {
    assertEquals(-1, expected.segment().mismatch(actual.segment()), "first byte that differs");
  }

  /**
   * A visible infinity or NaN must show, a masked one must not, and one that lies between the lanes
   * and tiles of others must not spread. A key of −∞ has no weight.
   */
  @ParameterizedTest
  @CsvSource({"F32, 1", "F16, 1", "F32, 12", "F16, 12"})
  void visibleNonFiniteValuesShow(DType dtype, int group) {
    int tokens = 40;
    try (Machine m = new Machine(new Heads(1, group, 1, 8), dtype, 16, 1)) {
      Tensor k = m.keys(tokens);
      Tensor v = m.keys(tokens);
      v.setFloat(20 * 8, Float.POSITIVE_INFINITY); // from token 20 on
      v.setFloat(30 * 8 + 1, Float.NEGATIVE_INFINITY);
      // The query's last element meets it, hardly turned.
      k.setFloat(25 * 8 + 7, Float.NEGATIVE_INFINITY);
      v.setFloat(25 * 8 + 2, 77);
      k.setFloat(35 * 8 + 3, Float.NaN);
      m.append.update(m.tables(0, new int[] {tokens}, new int[] {tokens}));
      m.append.run(0, k, v);
      Tensor q = m.queries(tokens);
      for (long i = 7; i < q.elements(); i += 8) {
        q.setFloat(i, 1e-3f);
      }
      Tensor whole = m.queries(tokens);
      m.prefill.update(m.tables(0, new int[] {tokens}, new int[] {tokens}));
      m.prefill.run(0, q, whole, null);
      for (int token : new int[] {0, 19, 20, 29, 30, 34, 35, 39}) {
        m.decode.update(m.tables(0, new int[] {token + 1}, new int[] {1}));
        Tensor one = m.queries(1);
        m.decode.run(0, q.slice(token, token + 1), one, null);
        int last = (group - 1) * 8;
        for (Tensor out : new Tensor[] {one, whole.slice(token, token + 1)}) {
          float[] row = out.toFloats();
          String at = "token " + token;
          if (token >= 35) {
            assertTrue(Float.isNaN(row[last]), at);
            continue;
          }
          assertEquals(token < 20 ? 0 : Float.POSITIVE_INFINITY, row[last], at);
          assertEquals(token < 30 ? 0 : Float.NEGATIVE_INFINITY, row[last + 1], at);
          assertEquals(0, row[last + 2], at);
        }
      }
    }
  }

  @ParameterizedTest
  @CsvSource({"F16, 4, 64", "F16, 12, 64", "F32, 1, 128"})
  void decodeGivesTheSameBitsInAnyBatch(DType dtype, int group, int headDim) {
    int[] lengths = {5, 700, 1, 257, 300, 256};
    int count = lengths.length;
    int slots = IntStream.of(lengths).sum();
    try (Machine m = new Machine(new Heads(1, group, 1, headDim), dtype, 16, count)) {
      m.append.update(m.tables(0, lengths, lengths));
      m.append.run(0, random(m.keys(slots), 1), random(m.keys(slots), 2));
      int[] steps = new int[count];
      Arrays.fill(steps, 1);
      Tensor q = random(m.queries(count), 5);
      Tensor all = m.queries(count);
      m.decode.update(m.tables(0, lengths, steps));
      m.decode.run(0, q, all, null);
      for (int i = 0; i < count; i++) {
        Tensor one = m.queries(1);
        m.decode.update(m.tables(i, new int[] {lengths[i]}, new int[] {1}));
        m.decode.run(0, q.slice(i, i + 1), one, null);
        assertSameBits(all.slice(i, i + 1), one);
      }
    }
  }

  /** Masked keys leave no trace, not even in rounding: so chunks give the bits of the whole. */
  @ParameterizedTest
  @CsvSource({"F16, 3, 128", "F32, 2, 64"})
  void prefillInChunksGivesWhatTheWholeGives(DType dtype, int group, int headDim) {
    int tokens = 130;
    try (Machine m = new Machine(new Heads(1, group, 1, headDim), dtype, 16, 1)) {
      m.append.update(m.tables(0, new int[] {tokens}, new int[] {tokens}));
      m.append.run(0, random(m.keys(tokens), 1), random(m.keys(tokens), 2));
      Tensor q = random(m.queries(tokens), 3);
      Tensor whole = m.queries(tokens);
      m.prefill.update(m.tables(0, new int[] {tokens}, new int[] {tokens}));
      m.prefill.run(0, q, whole, null);
      int from = 0;
      for (int to : new int[] {1, 17, 18, 100, tokens}) {
        Tensor part = m.queries(to - from);
        m.prefill.update(m.tables(0, new int[] {to}, new int[] {to - from}));
        m.prefill.run(0, q.slice(from, to), part, null);
        assertSameBits(whole.slice(from, to), part);
        from = to;
      }
    }
  }

  /** One request for tokens at any positions gives what a request for each gives. */
  @ParameterizedTest
  @CsvSource({"F16, 3, 128", "F32, 1, 64"})
  void queriesMayBeAnywhere(DType dtype, int group, int headDim) {
    int tokens = 130;
    int[] positions = {129, 3, 40, 40, 90};
    try (Machine m = new Machine(new Heads(1, group, 1, headDim), dtype, 16, 1)) {
      m.append.update(m.tables(0, new int[] {tokens}, new int[] {tokens}));
      m.append.run(0, random(m.keys(tokens), 1), random(m.keys(tokens), 2));
      Tensor q = random(m.queries(positions.length), 3);
      Tensor together = m.queries(positions.length);
      int[] pages = IntStream.range(0, 9).toArray();
      m.prefill.update(
          new PageTables(1, 1, 16).begin(1).request(positions).row(tokens, pages, 0, 9));
      m.prefill.run(0, q, together, null);
      for (int i = 0; i < positions.length; i++) {
        Tensor one = m.queries(1);
        m.prefill.update(
            new PageTables(1, 1, 16).begin(1).request(1, positions[i]).row(tokens, pages, 0, 9));
        m.prefill.run(0, q.slice(i, i + 1), one, null);
        assertSameBits(together.slice(i, i + 1), one);
      }
    }
  }

  /** Tensors of the device that do not start at multiples of 16 bytes. */
  @ParameterizedTest
  @CsvSource({"2", "12"})
  void tensorsMayLieAnywhere(int group) {
    int tokens = 3;
    try (Machine m = new Machine(new Heads(1, group, 1, 8), DType.F16, 16, 1);
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
    try (Machine m = new Machine(new Heads(1, 4, 2, 64), DType.F16, 16, 1)) {
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
