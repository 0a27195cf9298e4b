package dev.warpwright.kernels.cpu.attention;

import java.lang.foreign.MemorySegment;

/**
 * The inner loops of attention over slots of one element type, and that type's conversions. Four
 * columns (query heads of tokens) are worked on at a time. Blocks of slots lie anywhere in memory,
 * and a processor reads a page fast only after it has read a part of it: so all blocks of a chunk
 * are read in turn, a few cache lines of each, which overlaps their slow beginnings.
 *
 * <p>A type may read its elements scaled by a power of two and leave it to the caller to scale
 * queries, weights and results.
 */
abstract class SlotKernels {
  /** Columns that are worked on together. */
  static final int COLUMNS = 4;

  /** Blocks of keys that one loop takes. */
  static final int STREAMS = 4;

  /** Slots between two columns of an array of scores: the most that are worked on together. */
  static final int CHUNK = 8 * Lanes.BLOCK;

  /** Elements of a key that are read before the next blocks' turn. */
  private static final int TURN_DIMS = 16;

  /** Values that are added up in registers before the next elements' turn. */
  private static final int TURN_SLOTS = 16;

  /** Factor of queries given to {@link #scores}. */
  abstract float queryScale();

  /** Factor that makes logits of what {@link #scores} gives. */
  abstract float scoreScale();

  /** Factor of weights given to {@link #accumulate}. */
  abstract float weightScale();

  /** What {@link #accumulate} reads an element as, as a fraction of its value. */
  abstract float valueScale();

  /** Where {@link #accumulate} puts the sum of an element. */
  abstract int sumAt(int dim);

  /** One element of the word at a byte offset, exactly. */
  abstract float get(MemorySegment memory, long word, int inWord);

  /** A word of a vector, elements rounded to nearest even. */
  abstract int word(float[] vector, int index);

  /** Whether the first {@code count} words hold neither an infinity nor NaN. */
  abstract boolean areFinite(int[] words, int count);

  /** Magnitudes from here on become infinite when they are stored. */
  abstract float overflow();

  /** Whether {@link #unpack} brings what lies in pages into F32, for many columns to read. */
  boolean unpacks() {
    return false;
  }

  /**
   * Brings a vector of words into F32, in the order of {@link #sumAt}: each element of a word as a
   * vector of its own: the first elements, the second, and so on.
   *
   * @param at byte offset of the words
   * @param toAt where the first elements go, and {@code stride} from an element of a word to the
   *     next
   */
  void unpack(MemorySegment from, long at, MemorySegment to, long toAt, long stride) {
    throw new UnsupportedOperationException("pages are always read as they are");
  }

  /**
   * Dot products of four columns with blocks of keys.
   *
   * @param keys blocks {@code [words, 16]}
   * @param blocks byte offsets of as many blocks as a chunk has
   * @param count number of blocks that are asked for; results of others are not defined
   * @param q queries, {@code [headDim, 4]} from {@code qAt} on
   * @param scores result, {@code [4, CHUNK]}, all zeros before
   */
  final void scores(
      MemorySegment keys,
      long[] blocks,
      int count,
      int headDim,
      float[] q,
      int qAt,
      float[] scores) {
    for (int dim = 0; dim < headDim; dim += TURN_DIMS) {
      int to = Math.min(headDim, dim + TURN_DIMS);
      for (int block = 0; block < count; block += STREAMS) {
        addProducts(keys, blocks, block, dim, to, q, qAt, scores);
      }
    }
  }

  /** Adds the products of some elements of four blocks to their scores. */
  abstract void addProducts(
      MemorySegment keys,
      long[] blocks,
      int block,
      int from,
      int to,
      float[] q,
      int qAt,
      float[] scores);

  /**
   * Adds weighted values to four columns.
   *
   * @param values padded rows
   * @param rows byte offsets of rows, in the order in which they are added
   * @param slots for each row the number of its slot
   * @param count number of rows, at most {@code CHUNK}
   * @param weights {@code [4, CHUNK]}
   * @param out sums, {@code [4, paddedDim]} from {@code outAt} on
   */
  final void accumulate(
      MemorySegment values,
      long[] rows,
      int[] slots,
      int count,
      int paddedDim,
      float[] weights,
      float[] out,
      int outAt) {
    for (int from = 0; from < count; from += TURN_SLOTS) {
      int to = Math.min(count, from + TURN_SLOTS);
      int dim = 0;
      for (; dim + 4 * Lanes.COUNT <= paddedDim; dim += 4 * Lanes.COUNT) {
        addFour(values, rows, slots, from, to, dim, paddedDim, weights, out, outAt + dim);
      }
      for (; dim < paddedDim; dim += restDims()) {
        addRest(values, rows, slots, from, to, dim, paddedDim, weights, out, outAt + dim);
      }
    }
  }

  /** Adds 4 · COUNT elements of weighted rows to four columns. */
  abstract void addFour(
      MemorySegment values,
      long[] rows,
      int[] slots,
      int from,
      int to,
      int dim,
      int paddedDim,
      float[] weights,
      float[] out,
      int at);

  /** Elements that {@link #addRest} takes. */
  abstract int restDims();

  /** Adds {@link #restDims} elements of weighted rows to four columns. */
  abstract void addRest(
      MemorySegment values,
      long[] rows,
      int[] slots,
      int from,
      int to,
      int dim,
      int paddedDim,
      float[] weights,
      float[] out,
      int at);
}
