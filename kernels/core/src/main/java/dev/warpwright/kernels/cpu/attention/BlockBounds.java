package dev.warpwright.kernels.cpu.attention;

import dev.warpwright.kernels.DType;
import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorShuffle;

/**
 * One thread's search for the smallest and largest elements of whole blocks of finite keys. Bits of
 * finite floats, with those behind the sign inverted in negative ones, are integers of the same
 * order, −0 below +0: comparing them is one instruction. Two vectors, each the slots of a word, are
 * joined in one, and so on, until a vector has one lane a word.
 */
final class BlockBounds {
  private static final int COUNT = Lanes.COUNT;

  private final KvPoolVector pool;
  private final KeyBlock block;
  private final boolean halves;
  private final int words;
  private final int[] low;
  private final int[] high;
  private final short[] lowHalves;
  private final short[] highHalves;

  /** Room for keys of {@code pool}. */
  BlockBounds(KvPoolVector pool) {
    this.pool = pool;
    DType dtype = pool.spec().dtype();
    block = new KeyBlock(pool);
    halves = dtype == DType.F16 || dtype == DType.BF16;
    words = halves ? pool.layout().words() : pool.spec().headDim();
    // Whole vectors of words; what is joined with the words that are missing is not looked at.
    int padded = (words + COUNT - 1) / COUNT * COUNT;
    low = new int[padded / 2 * COUNT];
    high = new int[padded / 2 * COUNT];
    lowHalves = new short[halves ? 2 * padded : 0];
    highHalves = new short[halves ? 2 * padded : 0];
  }

  /** Bytes of the room. */
  long bytes() {
    return 2L * Integer.BYTES * low.length + 2L * Short.BYTES * lowHalves.length + block.bytes();
  }

  /**
   * Finds the bounds of the first {@code filled} slots of a page, a multiple of a block.
   *
   * @return false if a scale makes NaN of a key; then nothing is found
   */
  boolean look(int page, int filled, float[] least, float[] most) {
    for (int slot = 0; slot < filled; slot += Lanes.BLOCK) {
      if (halves) {
        long at = pool.layout().key(page, slot);
        for (int lane = 0; lane < Lanes.BLOCK; lane += COUNT) {
          joinHalves(pool.pages(), at + (long) lane * KvLayout.WORD, slot + lane == 0);
        }
      } else {
        if (!block.load(page, slot)) {
          return false;
        }
        for (int lane = 0; lane < Lanes.BLOCK; lane += COUNT) {
          joinFloats(block.elements(), lane, slot + lane == 0);
        }
      }
    }
    if (halves) {
      finishHalves(low, true, lowHalves, least);
      finishHalves(high, false, highHalves, most);
    } else {
      finishFloats(low, true, least);
      finishFloats(high, false, most);
    }
    return true;
  }

  private void joinFloats(float[] keys, int lane, boolean first) {
    VectorShuffle<Integer> exchange = WordTile.EXCHANGES.get(0);
    VectorMask<Integer> second = WordTile.UPPER.get(0);
    for (int word = 0; word < words; word += 2) {
      int at = word * Lanes.BLOCK + lane;
      IntVector x = FloatVector.fromArray(Lanes.F, keys, at).reinterpretAsInts();
      IntVector y = FloatVector.fromArray(Lanes.F, keys, at + Lanes.BLOCK).reinterpretAsInts();
      x =
          x.lanewise(VectorOperators.ASHR, 31)
              .lanewise(VectorOperators.LSHR, 1)
              .lanewise(VectorOperators.XOR, x);
      y =
          y.lanewise(VectorOperators.ASHR, 31)
              .lanewise(VectorOperators.LSHR, 1)
              .lanewise(VectorOperators.XOR, y);
      IntVector a = x.blend(y, second);
      IntVector b = y.blend(x, second).rearrange(exchange);
      IntVector least = a.min(b);
      IntVector most = a.max(b);
      int to = word / 2 * COUNT;
      if (first) {
        least.intoArray(low, to);
        most.intoArray(high, to);
      } else {
        least.min(IntVector.fromArray(Lanes.I, low, to)).intoArray(low, to);
        most.max(IntVector.fromArray(Lanes.I, high, to)).intoArray(high, to);
      }
    }
  }

  private void joinHalves(MemorySegment pages, long keys, boolean first) {
    VectorShuffle<Integer> exchange = WordTile.EXCHANGES.get(0);
    VectorMask<Integer> second = WordTile.UPPER.get(0);
    long row = (long) Lanes.BLOCK * KvLayout.WORD;
    for (int word = 0; word < words; word += 2) {
      long at = keys + word * row;
      ShortVector x =
          IntVector.fromMemorySegment(Lanes.I, pages, at, Lanes.ORDER).reinterpretAsShorts();
      ShortVector y =
          IntVector.fromMemorySegment(Lanes.I, pages, at + row, Lanes.ORDER).reinterpretAsShorts();
      x =
          x.lanewise(VectorOperators.ASHR, 15)
              .lanewise(VectorOperators.LSHR, 1)
              .lanewise(VectorOperators.XOR, x);
      y =
          y.lanewise(VectorOperators.ASHR, 15)
              .lanewise(VectorOperators.LSHR, 1)
              .lanewise(VectorOperators.XOR, y);
      IntVector xWords = x.reinterpretAsInts();
      IntVector yWords = y.reinterpretAsInts();
      ShortVector a = xWords.blend(yWords, second).reinterpretAsShorts();
      ShortVector b = yWords.blend(xWords, second).rearrange(exchange).reinterpretAsShorts();
      ShortVector least = a.min(b);
      ShortVector most = a.max(b);
      int to = word / 2 * COUNT;
      if (first) {
        least.reinterpretAsInts().intoArray(low, to);
        most.reinterpretAsInts().intoArray(high, to);
      } else {
        ShortVector before = IntVector.fromArray(Lanes.I, low, to).reinterpretAsShorts();
        least.min(before).reinterpretAsInts().intoArray(low, to);
        before = IntVector.fromArray(Lanes.I, high, to).reinterpretAsShorts();
        most.max(before).reinterpretAsInts().intoArray(high, to);
      }
    }
  }

  private void finishFloats(int[] joined, boolean least, float[] to) {
    int vectors = words / 2;
    for (int level = 1; level < WordTile.EXCHANGES.size(); level++) {
      VectorShuffle<Integer> exchange = WordTile.EXCHANGES.get(level);
      VectorMask<Integer> second = WordTile.UPPER.get(level);
      vectors = (vectors + 1) / 2;
      for (int i = 0; i < vectors; i++) {
        IntVector x = IntVector.fromArray(Lanes.I, joined, 2 * i * COUNT);
        IntVector y = IntVector.fromArray(Lanes.I, joined, (2 * i + 1) * COUNT);
        IntVector a = x.blend(y, second);
        IntVector b = y.blend(x, second).rearrange(exchange);
        if (least) {
          a.min(b).intoArray(joined, i * COUNT);
        } else {
          a.max(b).intoArray(joined, i * COUNT);
        }
      }
    }
    for (int dim = 0; dim < to.length; dim++) {
      int bits = joined[dim];
      to[dim] = Float.intBitsToFloat(bits ^ bits >> 31 >>> 1);
    }
  }

  private void finishHalves(int[] joined, boolean least, short[] bits, float[] to) {
    int vectors = words / 2;
    for (int level = 1; level < WordTile.EXCHANGES.size(); level++) {
      VectorShuffle<Integer> exchange = WordTile.EXCHANGES.get(level);
      VectorMask<Integer> second = WordTile.UPPER.get(level);
      vectors = (vectors + 1) / 2;
      for (int i = 0; i < vectors; i++) {
        IntVector x = IntVector.fromArray(Lanes.I, joined, 2 * i * COUNT);
        IntVector y = IntVector.fromArray(Lanes.I, joined, (2 * i + 1) * COUNT);
        ShortVector a = x.blend(y, second).reinterpretAsShorts();
        ShortVector b = y.blend(x, second).rearrange(exchange).reinterpretAsShorts();
        if (least) {
          a.min(b).reinterpretAsInts().intoArray(joined, i * COUNT);
        } else {
          a.max(b).reinterpretAsInts().intoArray(joined, i * COUNT);
        }
      }
    }
    for (int i = 0; i < vectors; i++) {
      ShortVector x = IntVector.fromArray(Lanes.I, joined, i * COUNT).reinterpretAsShorts();
      x.lanewise(VectorOperators.ASHR, 15)
          .lanewise(VectorOperators.LSHR, 1)
          .lanewise(VectorOperators.XOR, x)
          .intoArray(bits, 2 * i * COUNT);
    }
    if (pool.spec().dtype() == DType.F16) {
      for (int dim = 0; dim < to.length; dim++) {
        to[dim] = Float.float16ToFloat(bits[dim]);
      }
    } else {
      for (int dim = 0; dim < to.length; dim++) {
        to[dim] = Float.intBitsToFloat(bits[dim] << 16);
      }
    }
  }
}
