package dev.warpwright.bench;

import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.KernelDevice;
import dev.warpwright.kernels.NativeCode;
import dev.warpwright.kernels.Resource;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.attention.Heads;
import dev.warpwright.kernels.attention.KvPool;
import dev.warpwright.kernels.attention.KvPoolSpec;
import dev.warpwright.kernels.attention.KvQuantisation;
import dev.warpwright.kernels.attention.PageTables;
import dev.warpwright.kernels.attention.Rope;
import dev.warpwright.kernels.attention.SlotArray;
import dev.warpwright.testkit.CaseRandom;
import dev.warpwright.testkit.KernelContract;
import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.util.stream.IntStream;

/**
 * One request of one layer with 32 query heads and 8 kv heads of 128 elements; its pages of 16
 * slots lie in random order, as after some time of use.
 */
final class AttentionBatch implements Resource {
  static final Heads HEADS = new Heads(1, 32, 8, 128);
  static final Rope ROPE = Rope.rotateHalf(128, 10_000);
  private static final int PAGE_SIZE = 16;
  private static final float SCALE = 1 / 32f;

  private final Arena arena = Arena.ofShared();
  private final ReadBandwidth bandwidth;
  final KernelDevice device;
  final KvPool pool;
  final PageTables tables;

  /** With C kernels where they are. */
  AttentionBatch(
      DType dtype,
      int length,
      int newTokens,
      long readBytes,
      int threads,
      KernelContract contract) {
    this(dtype, length, newTokens, readBytes, NativeCode.AUTO, threads, contract);
  }

  AttentionBatch(
      DType dtype,
      int length,
      int newTokens,
      long readBytes,
      NativeCode nativeCode,
      int threads,
      KernelContract contract) {
    device = MeasuredDevice.cpu(nativeCode, threads, contract);
    int rowPages = (length + PAGE_SIZE - 1) / PAGE_SIZE;
    int pages = rowPages * HEADS.kvHeads();
    pool = device.attention().pool(new KvPoolSpec(pages, PAGE_SIZE, HEADS.headDim(), dtype));
    CaseRandom random = new CaseRandom(1);
    int[] order = random.permutation(pages);
    tables = new PageTables(1, HEADS.kvHeads(), PAGE_SIZE).begin(1);
    tables.request(newTokens, length - newTokens);
    for (int head = 0; head < HEADS.kvHeads(); head++) {
      tables.row(length, order, head * rowPages, rowPages);
    }
    fill(random, dtype, order);
    bandwidth = new ReadBandwidth(readBytes, threads);
  }

  /** Fills all pages with one page of random elements, at the positions of their slots. */
  private void fill(CaseRandom random, DType dtype, int[] order) {
    Tensor keys = normals(random, dtype);
    Tensor values = normals(random, dtype);
    int rowPages = order.length / HEADS.kvHeads();
    for (int i = 0; i < order.length; i++) {
      int first = i % rowPages * PAGE_SIZE;
      int[] positions = IntStream.range(first, first + PAGE_SIZE).toArray();
      pool.importPages(new int[] {order[i]}, keys, values, Tensor.wrap(positions, 1, PAGE_SIZE));
    }
    SlotArray scales = pool.scales();
    if (scales != null) {
      Tensor all = scales.tensor();
      for (long i = 0; i < all.elements(); i++) {
        all.setFloat(i, SCALE);
      }
    }
  }

  /** A page of normal numbers, or of codes of such with {@link #SCALE}. */
  private Tensor normals(CaseRandom random, DType dtype) {
    Tensor page = tensor(dtype, 1, PAGE_SIZE, HEADS.headDim());
    for (int i = 0; i < page.elements(); i++) {
      float number = random.normal();
      if (KvQuantisation.applies(dtype)) {
        page.segment().set(ValueLayout.JAVA_BYTE, i, KvQuantisation.code(dtype, number, SCALE));
      } else {
        page.setFloat(i, number);
      }
    }
    return page;
  }

  /** Bytes of all keys and values, and of their scales where there are any. */
  static long cacheBytes(DType dtype, int length) {
    int scale = KvQuantisation.applies(dtype) ? Float.BYTES : 0;
    return 2L * length * HEADS.kvHeads() * (HEADS.headDim() * dtype.bytes() + scale);
  }

  /** A host tensor that lives as long as this. */
  Tensor tensor(DType dtype, long... shape) {
    return Tensor.allocate(arena, dtype, shape);
  }

  /** A host tensor of normal numbers, one row of heads a token. */
  static Tensor normals(int tokens, int heads) {
    float[] values = new CaseRandom(2).normals(tokens * heads * HEADS.headDim(), 1);
    return Tensor.wrap(values, tokens, heads, HEADS.headDim());
  }

  /** Reads as many bytes as were asked for. */
  float read() {
    return bandwidth.read();
  }

  @Override
  public void close() {
    pool.close();
    device.close();
    bandwidth.close();
    arena.close();
  }
}
