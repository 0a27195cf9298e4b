package dev.warpwright.kernels.cpu.attention;

import dev.warpwright.kernels.attention.KvPoolSpec;

/**
 * Where the elements of a pool lie. A page is the positions, then the keys, then the values of its
 * slots. All is made of words of four bytes: one F32 element, two neighbouring elements of two
 * bytes, or four of one byte.
 *
 * <p>A value is a row of words, padded to whole vectors. So is a key of a page whose size is no
 * multiple of a block. Other keys are blocks {@code [words, 16]}: one vector holds the same word of
 * 16 keys, so that 16 dot products need no sum across lanes.
 *
 * <p>A page has an odd number of cache lines: pages that are read side by side then lie in
 * different sets of the cache. All offsets are in bytes.
 */
final class KvLayout {
  /** Bytes of a word. */
  static final int WORD = 4;

  private static final int LINE = 64;

  private final int wordElements;
  private final int words;
  private final int paddedDim;
  private final int pageSize;
  private final boolean blocked;
  private final long keysAt;
  private final long valuesAt;
  private final long pageBytes;

  KvLayout(KvPoolSpec spec) {
    wordElements = WORD / spec.dtype().bytes();
    words = spec.headDim() / wordElements;
    int vector = Lanes.BLOCK * wordElements;
    paddedDim = (spec.headDim() + vector - 1) / vector * vector;
    pageSize = spec.pageSize();
    blocked = pageSize % Lanes.BLOCK == 0;
    keysAt = lines((long) pageSize * Integer.BYTES) * LINE;
    valuesAt = keysAt + lines((long) pageSize * (blocked ? words * WORD : rowBytes())) * LINE;
    pageBytes = (lines(valuesAt + (long) pageSize * rowBytes()) | 1) * LINE;
  }

  private static long lines(long bytes) {
    return (bytes + LINE - 1) / LINE;
  }

  /** Elements of a padded row. */
  int paddedDim() {
    return paddedDim;
  }

  /** Words of a key or value, without padding. */
  int words() {
    return words;
  }

  /** Elements of a word. */
  int wordElements() {
    return wordElements;
  }

  /** Whether keys lie in blocks. */
  boolean blocked() {
    return blocked;
  }

  /** Size of a page. */
  long pageBytes() {
    return pageBytes;
  }

  /** Size of a padded row. */
  int rowBytes() {
    return paddedDim / wordElements * WORD;
  }

  /** The position of a slot of a page. */
  long position(int page, int slot) {
    return page * pageBytes + (long) slot * Integer.BYTES;
  }

  /** The first word of a key. */
  long key(int page, int slot) {
    long inKeys =
        blocked
            ? ((long) slot / Lanes.BLOCK * words * Lanes.BLOCK + slot % Lanes.BLOCK) * WORD
            : (long) slot * rowBytes();
    return page * pageBytes + keysAt + inKeys;
  }

  /** From one word of a key to the next. */
  int keyStride() {
    return blocked ? Lanes.BLOCK * WORD : WORD;
  }

  /** The first word of a value. */
  long value(int page, int slot) {
    return page * pageBytes + valuesAt + (long) slot * rowBytes();
  }
}
