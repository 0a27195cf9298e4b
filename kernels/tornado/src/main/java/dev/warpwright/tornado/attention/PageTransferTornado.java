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
import java.util.List;
import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;
import uk.ac.manchester.tornado.api.types.arrays.ShortArray;
import uk.ac.manchester.tornado.api.types.arrays.TornadoNativeArray;

/**
 * {@link PageTransfer} with one work item an element of a slot. Buffers are in host memory, and so
 * are numbers beside slots: pages go through arrays of a few pages, in as many runs as that takes.
 */
final class PageTransferTornado extends PageTransfer {
  /** Pages of an array. */
  private static final int CHUNK = 64;

  /** Numbers before the pages: pages, slots of a page, elements of a head, F16, into the pool. */
  private static final int HEADER = 5;

  private final KvPoolTornado pages;

  PageTransferTornado(TornadoKernelDevice device, PageTransferSpec spec, KvPool pool) {
    super(device, spec, pool, 0);
    pages = (KvPoolTornado) pool;
  }

  /** Copies elements of pages; {@code step} has the numbers of the run, and the pages. */
  static void copyPages(
      KernelContext context,
      IntArray step,
      FloatArray keys,
      ShortArray halfKeys,
      FloatArray values,
      ShortArray halfValues,
      IntArray positions,
      FloatArray outKeys,
      ShortArray outHalfKeys,
      FloatArray outValues,
      ShortArray outHalfValues,
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
      if (step.get(4) == 1) {
        if (step.get(3) == 1) {
          halfKeys.set(inside, outHalfKeys.get(item));
          halfValues.set(inside, outHalfValues.get(item));
        } else {
          keys.set(inside, outKeys.get(item));
          values.set(inside, outValues.get(item));
        }
        if (dim == 0) {
          positions.set(place, outPositions.get(slot));
        }
      } else {
        if (step.get(3) == 1) {
          outHalfKeys.set(item, halfKeys.get(inside));
          outHalfValues.set(item, halfValues.get(inside));
        } else {
          outKeys.set(item, keys.get(inside));
          outValues.set(item, values.get(inside));
        }
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
    final TornadoNativeArray keys;
    final TornadoNativeArray values;
    final IntArray positions;

    Outside(KvPoolTornado pool, boolean scatter) {
      int slots = CHUNK * pool.spec().pageSize();
      long elements = (long) slots * pool.spec().headDim();
      FloatArray floatKeys = Staged.floats(pool.isHalf() ? 0 : elements);
      FloatArray floatValues = Staged.floats(pool.isHalf() ? 0 : elements);
      ShortArray halfKeys = Staged.shorts(pool.isHalf() ? elements : 0);
      ShortArray halfValues = Staged.shorts(pool.isHalf() ? elements : 0);
      keys = pool.isHalf() ? halfKeys : floatKeys;
      values = pool.isHalf() ? halfValues : floatValues;
      positions = Staged.ints(slots);
      KernelContext context = new KernelContext();
      List<Object> outside = List.of(floatKeys, halfKeys, floatValues, halfValues, positions);
      List<Object> numbers = List.of(step);
      List<Object> in = List.of(step, floatKeys, halfKeys, floatValues, halfValues, positions);
      kernel =
          pool.program()
              .add(
                  scatter ? "scatterPages" : "gatherPages",
                  scatter ? in : numbers,
                  scatter ? List.of() : outside,
                  scatter,
                  List.of(
                      graph ->
                          graph.task(
                              Program.task(0),
                              PageTransferTornado::copyPages,
                              context,
                              step,
                              pool.keys(),
                              pool.halfKeys(),
                              pool.values(),
                              pool.halfValues(),
                              pool.positions(),
                              floatKeys,
                              halfKeys,
                              floatValues,
                              halfValues,
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
            run.step,
            some,
            spec().pool().pageSize(),
            spec().pool().headDim(),
            pages.isHalf() ? 1 : 0,
            scatter ? 1 : 0);
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
    copy(buffer.keys(), from, count, run.keys, toArrays);
    copy(buffer.values(), from, count, run.values, toArrays);
    copy(buffer.positions(), from, count, run.positions, toArrays);
  }

  private static void copy(
      Tensor tensor, int from, int count, TornadoNativeArray array, boolean toArray) {
    MemorySegment pages = tensor.slice(from, from + count).segment();
    MemorySegment part = array.getSegment().asSlice(0, pages.byteSize());
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
