package dev.warpwright.tornado.attention;

import dev.warpwright.tornado.BySize;
import dev.warpwright.tornado.Program;
import dev.warpwright.tornado.Staged;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.List;
import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.types.arrays.ByteArray;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;
import uk.ac.manchester.tornado.api.types.arrays.ShortArray;

/**
 * Copies of slots with key, value, position, and the numbers beside them. Moves of a run are done
 * one after the other, by one work item an element of a head; runs do not touch each other's slots.
 */
final class SlotMoves {
  /** Numbers before those of the runs: runs, elements of a head. */
  private static final int HEADER = 2;

  private int[] places = new int[64];
  private int count;
  private int[] ends = new int[16];
  private int runs;

  /** Forgets all moves. */
  void begin() {
    count = 0;
    runs = 0;
  }

  /** Adds a move; slots are counted over all pages. */
  void add(int from, int to) {
    if (count == places.length) {
      places = Arrays.copyOf(places, Math.addExact(count, count));
    }
    places[count++] = from;
    places[count++] = to;
  }

  /** The next move is of another run. */
  void endRun() {
    if (runs == ends.length) {
      ends = Arrays.copyOf(ends, Math.addExact(runs, runs));
    }
    ends[runs++] = count;
  }

  /**
   * Moves.
   *
   * @param moves numbers of the step; for each run the end of its moves; slots from and to
   */
  static void moveSlots(
      KernelContext context,
      int type,
      IntArray moves,
      FloatArray keys,
      ShortArray shortKeys,
      ByteArray byteKeys,
      FloatArray values,
      ShortArray shortValues,
      ByteArray byteValues,
      IntArray positions) {
    int item = context.globalIdx;
    int runs = moves.get(0);
    int headDim = moves.get(1);
    if (item < runs * headDim) {
      int run = item / headDim;
      int dim = item - run * headDim;
      int begin = 0;
      if (run > 0) {
        begin = moves.get(HEADER + run - 1);
      }
      int end = moves.get(HEADER + run);
      for (int i = HEADER + runs + begin; i < HEADER + runs + end; i += 2) {
        int from = moves.get(i) * headDim + dim;
        int to = moves.get(i + 1) * headDim + dim;
        Elements.copy(type, keys, shortKeys, byteKeys, from, keys, shortKeys, byteKeys, to);
        Elements.copy(
            type, values, shortValues, byteValues, from, values, shortValues, byteValues, to);
        if (dim == 0) {
          positions.set(moves.get(i + 1), positions.get(moves.get(i)));
        }
      }
    }
  }

  /** The numbers of the moves, and the kernel. */
  private static final class Moves {
    final Program.Kernel kernel;
    final IntArray numbers;

    Moves(KvPoolTornado pool, int size) {
      numbers = Staged.ints(size);
      KernelContext context = new KernelContext();
      kernel =
          pool.program()
              .add(
                  "moveSlots",
                  List.of(numbers),
                  List.of(),
                  true,
                  List.of(
                      graph ->
                          graph.task(
                              Program.task(0),
                              SlotMoves::moveSlots,
                              context,
                              pool.type(),
                              numbers,
                              pool.keys().floats,
                              pool.keys().shorts,
                              pool.keys().bytes,
                              pool.values().floats,
                              pool.values().shorts,
                              pool.values().bytes,
                              pool.positions())));
    }
  }

  /** Does all moves. */
  void run(KvPoolTornado pool) {
    if (count == 0) {
      return;
    }
    int headDim = pool.spec().headDim();
    int size = BySize.capacity(HEADER + runs + count, Integer.MAX_VALUE);
    synchronized (pool.program()) {
      Moves moves = pool.kernel(Moves.class, size, n -> new Moves(pool, n));
      MemorySegment numbers = moves.numbers.getSegment();
      Staged.in(moves.numbers, runs, headDim);
      long at = (long) HEADER * Integer.BYTES;
      MemorySegment.copy(ends, 0, numbers, ValueLayout.JAVA_INT_UNALIGNED, at, runs);
      at += (long) runs * Integer.BYTES;
      MemorySegment.copy(places, 0, numbers, ValueLayout.JAVA_INT_UNALIGNED, at, count);
      pool.program().run(moves.kernel, Staged.groups((long) runs * headDim));
    }
    for (int i = 0; i < count; i += 2) {
      pool.copyNumbers(places[i], places[i + 1]);
    }
  }
}
