package dev.warpwright.cuda.attention;

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
import dev.warpwright.kernels.attention.PagedDecode;
import dev.warpwright.kernels.attention.PagedDecodeSpec;
import dev.warpwright.kernels.attention.PagedPrefill;
import dev.warpwright.kernels.attention.PagedPrefillSpec;
import dev.warpwright.kernels.attention.Rope;
import dev.warpwright.testkit.CaseRandom;
import dev.warpwright.testkit.ContractTest;
import java.util.stream.IntStream;

/** A device, a pool and its three plans; every row owns a run of the pool's pages. */
final class AttentionMachine implements AutoCloseable {
  static final int MOST = 2048;

  final KernelDevice device = ContractTest.open("cuda", 1);
  final Heads heads;
  final KvPoolSpec spec;
  final KvPool pool;
  final AppendKv append;
  final PagedDecode decode;
  final PagedPrefill prefill;
  private final int requests;

  AttentionMachine(Heads heads, DType dtype, int pageSize, int requests) {
    this.heads = heads;
    this.requests = requests;
    int pages = Math.ceilDiv(MOST, pageSize) * heads.kvHeads() * requests;
    Rope rope = Rope.rotateHalf(heads.headDim(), 1e4);
    spec = new KvPoolSpec(pages, pageSize, heads.headDim(), dtype);
    pool = device.attention().pool(spec);
    append = device.attention().appendKv(new AppendKvSpec(heads, spec, requests, MOST, rope), pool);
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

  static Tensor random(Tensor tensor, long seed) {
    CaseRandom random = new CaseRandom(seed);
    for (long i = 0; i < tensor.elements(); i++) {
      tensor.setFloat(i, random.normal());
    }
    return tensor;
  }

  static void assertSameBits(Tensor expected, Tensor actual) {
    assertEquals(-1, expected.segment().mismatch(actual.segment()), "first byte that differs");
  }
}
