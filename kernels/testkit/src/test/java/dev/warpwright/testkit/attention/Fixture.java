package dev.warpwright.testkit.attention;

import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.KernelDevice;
import dev.warpwright.kernels.Resource;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.attention.AppendKv;
import dev.warpwright.kernels.attention.AppendKvSpec;
import dev.warpwright.kernels.attention.Heads;
import dev.warpwright.kernels.attention.KvPool;
import dev.warpwright.kernels.attention.KvPoolSpec;
import dev.warpwright.kernels.attention.Masking;
import dev.warpwright.kernels.attention.PageTables;
import dev.warpwright.kernels.attention.PagedDecode;
import dev.warpwright.kernels.attention.PagedDecodeSpec;
import dev.warpwright.kernels.attention.PagedPrefill;
import dev.warpwright.kernels.attention.PagedPrefillSpec;
import dev.warpwright.kernels.attention.Rope;
import dev.warpwright.testkit.ContractTest;
import java.util.stream.IntStream;

/** A device, a pool and its three plans. */
final class Fixture implements Resource {
  private static final int MOST = 4096;

  final KernelDevice device;
  final KvPool pool;
  final AppendKv append;
  final PagedDecode decode;
  final PagedPrefill prefill;
  private final Heads heads;

  Fixture(String provider, Heads heads, KvPoolSpec spec, Rope rope) {
    this(provider, heads, spec, rope, Masking.CAUSAL, 1);
  }

  Fixture(String provider, Heads heads, KvPoolSpec spec, Rope rope, Masking masking, float scale) {
    this.heads = heads;
    device = ContractTest.open(provider, 1);
    pool = device.attention().pool(spec);
    append = device.attention().appendKv(new AppendKvSpec(heads, spec, 64, MOST, rope), pool);
    decode =
        device
            .attention()
            .pagedDecode(new PagedDecodeSpec(heads, spec, 64, MOST, rope, scale, masking), pool);
    prefill =
        device
            .attention()
            .pagedPrefill(
                new PagedPrefillSpec(heads, spec, 64, MOST, MOST, rope, scale, masking), pool);
  }

  /** Tables of one request; all rows of all layers take the pool's pages in turn. */
  PageTables tables(int length, int newTokens, int position) {
    int pageSize = pool.spec().pageSize();
    PageTables tables = new PageTables(heads.layers(), heads.kvHeads(), pageSize).begin(1);
    tables.request(newTokens, position);
    int count = (length + pageSize - 1) / pageSize;
    int rows = heads.layers() * heads.kvHeads();
    for (int row = 0; row < rows; row++) {
      int first = row;
      tables.row(length, IntStream.range(0, count).map(i -> i * rows + first).toArray(), 0, count);
    }
    return tables;
  }

  Tensor output(int tokens) {
    return Tensor.wrap(
        new float[tokens * heads.queryHeads() * heads.headDim()],
        tokens,
        heads.queryHeads(),
        heads.headDim());
  }

  Tensor lse(int tokens) {
    return Tensor.wrap(new float[tokens * heads.queryHeads()], tokens, heads.queryHeads());
  }

  /** Keys of some pages in canonical form. */
  Tensor keys(int... pages) {
    return exported(pages)[0];
  }

  /** Keys, values and positions of some pages in canonical form. */
  Tensor[] exported(int... pages) {
    KvPoolSpec spec = pool.spec();
    int slots = pages.length * spec.pageSize();
    Tensor[] tensors = {
      host(spec.dtype(), slots * spec.headDim(), pages.length, spec.pageSize(), spec.headDim()),
      host(spec.dtype(), slots * spec.headDim(), pages.length, spec.pageSize(), spec.headDim()),
      host(DType.I32, slots, pages.length, spec.pageSize())
    };
    pool.exportPages(pages, tensors[0], tensors[1], tensors[2]);
    return tensors;
  }

  private static Tensor host(DType dtype, int elements, long... shape) {
    return Tensor.wrap(
        java.lang.foreign.MemorySegment.ofArray(new byte[elements * dtype.bytes()]), dtype, shape);
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
