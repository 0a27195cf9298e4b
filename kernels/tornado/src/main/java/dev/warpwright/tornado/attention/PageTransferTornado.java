package dev.warpwright.tornado.attention;

import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.attention.KvPool;
import dev.warpwright.kernels.attention.PageBuffer;
import dev.warpwright.kernels.attention.PageTransfer;
import dev.warpwright.kernels.attention.PageTransferSpec;
import dev.warpwright.kernels.attention.PageTransferSpec.Direction;
import dev.warpwright.tornado.Program;
import dev.warpwright.tornado.Staged;
import dev.warpwright.tornado.TornadoKernelDevice;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.types.arrays.ByteArray;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;
import uk.ac.manchester.tornado.api.types.arrays.ShortArray;

/**
 * {@link PageTransfer} with one work item an element of a slot. Buffers are in host memory, and so
 * are numbers beside slots: pages go through arrays of a few pages, in as many runs as that takes.
 */
final class PageTransferTornado extends PageTransfer {
  /** Pages of an array. */
  private static final int CHUNK = 64;

  /** Numbers before the pages: pages, slots of a page, elements of a head, into the pool. */
  private static final int HEADER = 4;

  private final KvPoolTornado pages;

  PageTransferTornado(TornadoKernelDevice device, PageTransferSpec spec, KvPool pool) {
    super(device, spec, pool, 0);
    pages = (KvPoolTornado) pool;
  }

  /** Copies elements of pages; {@code step} has the numbers of the run, and the pages. */
  static void copyPages(
      KernelContext context,
      int type,
      IntArray step,
      FloatArray keys,
      ShortArray shortKeys,
      ByteArray byteKeys,
      FloatArray values,
      ShortArray shortValues,
      ByteArray byteValues,
      IntArray positions,
      FloatArray outKeys,
      ShortArray outShortKeys,
      ByteArray outByteKeys,
      FloatArray outValues,
      ShortArray outShortValues,
      ByteArray outByteValues,
      IntArray outPositions) {
    int item = context.globalIdx;
    int pageSize = step.get(1);
    int headDim = step.get(2);
    if (item < step.get(0) * pageSize * headDim) {
      int slot = item / headDim;
      int dim = item - slot * headDim;
      int index = slot / pageSize;
      int place = step.get(HEADER + index) * pageSize + slot - index * pageSize;
      int inside = place * headDim + dim;
      if (step.get(3) == 1) {
        Elements.copy(
            type, outKeys, outShortKeys, outByteKeys, item, keys, shortKeys, byteKeys, inside);
        Elements.copy(
            type,
            outValues,
            outShortValues,
            outByteValues,
            item,
            values,
            shortValues,
            byteValues,
            inside);
        if (dim == 0) {
          positions.set(place, outPositions.get(slot));
        }
      } else {
        Elements.copy(
            type, keys, shortKeys, byteKeys, inside, outKeys, outShortKeys, outByteKeys, item);
        Elements.copy(
            type,
            values,
            shortValues,
            byteValues,
            inside,
            outValues,
            outShortValues,
            outByteValues,
            item);
        if (dim == 0) {
          outPositions.set(slot, positions.get(place));
        }
      }
    }
  }

  /** Pages outside of the pool, and the kernel. */
  private static final class Outside {
    final Program.Kernel kernel;
    final IntArray step = Staged.ints(HEADER + CHUNK);
    final Vectors keys;
    final Vectors values;
    final IntArray positions;

    Outside(KvPoolTornado pool, boolean scatter) {
      int slots = CHUNK * pool.spec().pageSize();
      long elements = (long) slots * pool.spec().headDim();
      keys = new Vectors(pool.spec().dtype(), elements);
      values = new Vectors(pool.spec().dtype(), elements);
      positions = Staged.ints(slots);
      KernelContext context = new KernelContext();
      List<Object> outside = new ArrayList<>(keys.arrays());
      outside.addAll(values.arrays());
      outside.add(positions);
      List<Object> in = new ArrayList<>(List.of(step));
      if (scatter) {
        in.addAll(outside);
      }
      kernel =
          pool.program()
              .add(
                  scatter ? "scatterPages" : "gatherPages",
                  in,
                  scatter ? List.of() : outside,
                  scatter,
                  List.of(
                      graph ->
                          graph.task(
                              Program.task(0),
                              PageTransferTornado::copyPages,
                              context,
                              pool.type(),
                              step,
                              pool.keys().floats,
                              pool.keys().shorts,
                              pool.keys().bytes,
                              pool.values().floats,
                              pool.values().shorts,
                              pool.values().bytes,
                              pool.positions(),
                              keys.floats,
                              keys.shorts,
                              keys.bytes,
                              values.floats,
                              values.shorts,
                              values.bytes,
                              positions)));
    }
  }

  @Override
  protected void execute(int count, Tensor numbers, PageBuffer buffer) {
    boolean scatter = spec().direction() == Direction.SCATTER;
    synchronized (pages.program()) {
      Outside run =
          pages.kernel(List.of(Outside.class, scatter), 1, n -> new Outside(pages, scatter));
      for (int from = 0; from < count; from += CHUNK) {
        int some = Math.min(CHUNK, count - from);
        Staged.in(
            run.step, some, spec().pool().pageSize(), spec().pool().headDim(), scatter ? 1 : 0);
        for (int i = 0; i < some; i++) {
          run.step.set(HEADER + i, numbers.getInt(from + i));
        }
        if (scatter) {
          copyBuffer(run, buffer, from, some, true);
        }
        long items = (long) some * spec().pool().pageSize() * spec().pool().headDim();
        pages.program().run(run.kernel, Staged.groups(items));
        if (!scatter) {
          copyBuffer(run, buffer, from, some, false);
        }
      }
    }
    copyNumbers(count, numbers, buffer, scatter);
  }

  private static void copyBuffer(
      Outside run, PageBuffer buffer, int from, int count, boolean toArrays) {
    copy(buffer.keys(), from, count, run.keys.segment(), toArrays);
    copy(buffer.values(), from, count, run.values.segment(), toArrays);
    copy(buffer.positions(), from, count, run.positions.getSegment(), toArrays);
  }

  private static void copy(
      Tensor tensor, int from, int count, MemorySegment array, boolean toArray) {
    MemorySegment pages = tensor.slice(from, from + count).segment();
    MemorySegment part = array.asSlice(0, pages.byteSize());
    MemorySegment source = toArray ? pages : part;
    (toArray ? part : pages).copyFrom(source);
  }

  private void copyNumbers(int count, Tensor numbers, PageBuffer buffer, boolean scatter) {
    for (int array = 0; array < pool().arrayCount(); array++) {
      Tensor all = pool().array(array).tensor();
      for (int i = 0; i < count; i++) {
        Tensor inside = all.row(numbers.getInt(i));
        Tensor outside = buffer.numbers().get(array).row(i);
        Tensor source = scatter ? outside : inside;
        (scatter ? inside : outside).segment().copyFrom(source.segment());
      }
    }
  }

  @Override
  protected void release() {}
}
