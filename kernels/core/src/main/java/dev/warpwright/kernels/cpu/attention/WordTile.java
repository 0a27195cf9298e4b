package dev.warpwright.kernels.cpu.attention;

import java.util.List;
import java.util.stream.IntStream;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorShuffle;

/** Transposes words: blocks {@code [words, 16]} become rows {@code [16, words]} and back. */
final class WordTile {
  private static final int COUNT = Lanes.COUNT;
  private static final int BLOCK = Lanes.BLOCK;

  private static final int LEVELS = Integer.numberOfTrailingZeros(COUNT);

  /** For each level, exchanges the lanes that are 1, 2, 4, … apart. */
  static final List<VectorShuffle<Integer>> EXCHANGES =
      IntStream.range(0, LEVELS)
          .mapToObj(level -> VectorShuffle.fromOp(Lanes.I, lane -> lane ^ 1 << level))
          .toList();

  /** For each level, the upper of such lanes. */
  static final List<VectorMask<Integer>> UPPER =
      IntStream.range(0, LEVELS)
          .mapToObj(
              level ->
                  IntVector.zero(Lanes.I)
                      .addIndex(1)
                      .and(1 << level)
                      .compare(VectorOperators.NE, 0))
          .toList();

  private final int words;
  private final int[] tile = new int[COUNT * COUNT];

  /** For keys of {@code words} words. */
  WordTile(int words) {
    this.words = words;
  }

  /** Bytes of the scratch memory. */
  long bytes() {
    return (long) Integer.BYTES * tile.length;
  }

  /** Makes rows of a block. */
  void toRows(int[] block, int[] rows) {
    int word = 0;
    for (; word + COUNT <= words; word += COUNT) {
      for (int slot = 0; slot < BLOCK; slot += COUNT) {
        transpose(block, word * BLOCK + slot, BLOCK, rows, slot * words + word, words);
      }
    }
    for (; word < words; word++) {
      for (int slot = 0; slot < BLOCK; slot++) {
        rows[slot * words + word] = block[word * BLOCK + slot];
      }
    }
  }

  /** Makes a block of rows. */
  void toBlock(int[] rows, int[] block) {
    int word = 0;
    for (; word + COUNT <= words; word += COUNT) {
      for (int slot = 0; slot < BLOCK; slot += COUNT) {
        transpose(rows, slot * words + word, words, block, word * BLOCK + slot, BLOCK);
      }
    }
    for (; word < words; word++) {
      for (int slot = 0; slot < BLOCK; slot++) {
        block[word * BLOCK + slot] = rows[slot * words + word];
      }
    }
  }

  private void transpose(int[] from, int fromAt, int fromStride, int[] to, int toAt, int toStride) {
    for (int row = 0; row < COUNT; row += 2) {
      int at = fromAt + row * fromStride;
      exchange(0, from, at, at + fromStride, tile, row * COUNT, (row + 1) * COUNT);
    }
    for (int level = 1; level < LEVELS - 1; level++) {
      int apart = 1 << level;
      for (int pair = 0; pair < COUNT / 2; pair++) {
        int at = upperHalf(pair, apart) * COUNT;
        exchange(level, tile, at, at + apart * COUNT, tile, at, at + apart * COUNT);
      }
    }
    for (int row = 0; row < COUNT / 2; row++) {
      int at = row * COUNT;
      int second = at + COUNT / 2 * COUNT;
      int out = toAt + row * toStride;
      exchange(LEVELS - 1, tile, at, second, to, out, out + COUNT / 2 * toStride);
    }
  }

  /** The first row of a pair of rows that are so far apart. */
  private static int upperHalf(int pair, int apart) {
    return pair / apart * 2 * apart + pair % apart;
  }

  /** Exchanges the upper lanes of one vector with the lower ones of another. */
  private static void exchange(
      int level, int[] from, int first, int second, int[] to, int toFirst, int toSecond) {
    VectorMask<Integer> upper = UPPER.get(level);
    IntVector x = IntVector.fromArray(Lanes.I, from, first);
    IntVector y = IntVector.fromArray(Lanes.I, from, second);
    IntVector moved = y.blend(x, upper).rearrange(EXCHANGES.get(level));
    x.blend(moved, upper).intoArray(to, toFirst);
    moved.blend(y, upper).intoArray(to, toSecond);
  }
}
