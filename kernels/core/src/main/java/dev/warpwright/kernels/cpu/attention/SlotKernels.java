package dev.warpwright.kernels.cpu.attention;

import java.lang.foreign.MemorySegment;

/**
 * The inner loops of attention over slots of one element type, and that type's conversions. Four
 * columns (query heads of tokens) are worked on at a time, and several blocks of slots, because a
 * processor reads several streams of addresses faster than one.
 *
 * <p>A type may read its elements scaled by a power of two and leave it to the caller to scale
 * queries, weights and results.
 */
abstract class SlotKernels {
  /** Columns that are worked on together. */
  static final int COLUMNS = 4;

  /** Blocks of keys that are worked on together. */
  static final int STREAMS = 4;

  /** Slots between two columns of an array of scores: the most that are worked on together. */
  static final int CHUNK = 8 * Lanes.BLOCK;

  /** Factor of queries given to {@link #scores}. */
  abstract float queryScale();

  /** Factor that makes logits of what {@link #scores} gives. */
  abstract float scoreScale();

  /** Factor of weights given to {@link #accumulate}. */
  abstract float weightScale();

  /** What {@link #accumulate} reads an element as, as a fraction of its value. */
  abstract float valueScale();

  /** The element at a byte offset, exactly. */
  abstract float get(MemorySegment memory, long offset);

  /** Stores an element, rounded to nearest even. */
  abstract void put(MemorySegment memory, long offset, float value);

  /** Magnitudes from here on become infinite when they are stored. */
  abstract float overflow();

  /**
   * Dot products of four columns with four blocks of keys.
   *
   * @param keys blocks {@code [headDim, 16]}
   * @param blocks byte offsets of blocks
   * @param from the first of the four blocks
   * @param q queries, {@code [headDim, 4]} from {@code qAt} on
   * @param scores result, {@code [4, CHUNK]}, from slot {@code 16 · from} on
   */
  abstract void scores(
      MemorySegment keys, long[] blocks, int from, int headDim, float[] q, int qAt, float[] scores);

  /**
   * Adds weighted values to four columns.
   *
   * @param values padded rows
   * @param rows byte offsets of the slots' rows
   * @param slots number of slots, at most {@code CHUNK}
   * @param weights {@code [4, CHUNK]}
   * @param out sums, {@code [4, paddedDim]} from {@code outAt} on
   */
  abstract void accumulate(
      MemorySegment values,
      long[] rows,
      int slots,
      int paddedDim,
      float[] weights,
      float[] out,
      int outAt);
}
