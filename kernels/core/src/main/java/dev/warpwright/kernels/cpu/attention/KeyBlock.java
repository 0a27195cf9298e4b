package dev.warpwright.kernels.cpu.attention;

import dev.warpwright.kernels.attention.SlotArray;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;

/**
 * One thread's copy of a block of keys in F32, {@code [headDim, 16]}: a vector is the same element
 * of several slots, so that what is done to each key in the order of its elements is done to all at
 * once. Only for pages that hold their keys in blocks and nothing but finite numbers.
 */
final class KeyBlock {
  private static final int BLOCK = Lanes.BLOCK;
  private static final long ROW = (long) BLOCK * KvLayout.WORD;

  /** What {@link SlotKernels} reads halves as is their value times 2^−112. */
  private static final int HALF_BITS = 0x8fffe000;

  private static final float HALF_SCALE = 0x1p112f;

  private static final int MAGNITUDE = 0x7fffffff;

  private final KvPoolVector pool;
  private final KvLayout layout;
  private final float[] elements;
  private final MemorySegment segment;
  private final float[] scales = new float[BLOCK];

  /** Room for keys of {@code pool}. */
  KeyBlock(KvPoolVector pool) {
    this.pool = pool;
    layout = pool.layout();
    elements = new float[pool.spec().headDim() * BLOCK];
    segment = MemorySegment.ofArray(elements);
  }

  /** Bytes of the room. */
  long bytes() {
    return (long) Float.BYTES * (elements.length + scales.length);
  }

  /** Whether a page can be read. */
  static boolean takes(KvPoolVector pool, int page) {
    return pool.layout().blocked() && !pool.isWild(page);
  }

  /** Whether what was changed can be written: codes need scales, which are found key by key. */
  static boolean isWritable(KvPoolVector pool) {
    return switch (pool.spec().dtype()) {
      case F32, F16 -> true;
      default -> false;
    };
  }

  /** The elements. */
  float[] elements() {
    return elements;
  }

  /** Reads the block that begins with a slot; returns whether no scale makes NaN of a key. */
  boolean load(int page, int slot) {
    long at = layout.key(page, slot);
    switch (pool.spec().dtype()) {
      case F32 ->
          MemorySegment.copy(
              pool.pages(), ValueLayout.JAVA_FLOAT, at, elements, 0, elements.length);
      case F16 -> loadHalves(at);
      default -> {
        unpack(at);
        return multiply(page, slot);
      }
    }
    return true;
  }

  private void unpack(long at) {
    SlotKernels kernels = pool.kernels();
    long vector = (long) Lanes.COUNT * KvLayout.WORD;
    for (int word = 0; word < layout.words(); word++) {
      long to = ROW * word * layout.wordElements();
      for (long lane = 0; lane < ROW; lane += vector) {
        kernels.unpack(pool.pages(), at + word * ROW + lane, segment, to + lane, ROW);
      }
    }
  }

  private void loadHalves(long at) {
    MemorySegment pages = pool.pages();
    float[] to = elements;
    int vectors = to.length / 2 / Lanes.COUNT;
    for (int i = 0; i < vectors; i++) {
      int first = i * Lanes.COUNT;
      // Rows of words lie one after the other; each is two rows of elements.
      int even = first / BLOCK * 2 * BLOCK + first % BLOCK;
      IntVector words =
          IntVector.fromMemorySegment(
              Lanes.I, pages, at + (long) first * KvLayout.WORD, Lanes.ORDER);
      words
          .lanewise(VectorOperators.LSHL, 16)
          .lanewise(VectorOperators.ASHR, 3)
          .and(HALF_BITS)
          .reinterpretAsFloats()
          .mul(HALF_SCALE)
          .intoArray(to, even);
      words
          .lanewise(VectorOperators.ASHR, 3)
          .and(HALF_BITS)
          .reinterpretAsFloats()
          .mul(HALF_SCALE)
          .intoArray(to, even + BLOCK);
    }
  }

  /** Makes keys of codes, if the type has any; returns whether all scales are numbers. */
  private boolean multiply(int page, int slot) {
    SlotArray all = pool.scales();
    if (all == null) {
      return true;
    }
    boolean numbersOnly = true;
    MemorySegment numbers = all.tensor().segment();
    long from = all.at(page, slot) * Float.BYTES;
    for (int i = 0; i < BLOCK; i++) {
      scales[i] = numbers.get(ValueLayout.JAVA_FLOAT_UNALIGNED, from + 2L * i * Float.BYTES);
      numbersOnly &= !Float.isNaN(scales[i]);
    }
    for (int lane = 0; lane < BLOCK; lane += Lanes.COUNT) {
      FloatVector scale = FloatVector.fromArray(Lanes.F, scales, lane);
      for (int at = lane; at < elements.length; at += BLOCK) {
        FloatVector.fromArray(Lanes.F, elements, at).mul(scale).intoArray(elements, at);
      }
    }
    return numbersOnly;
  }

  /** Writes the block that begins with a slot, rounded to the pool's type. */
  void store(int page, int slot) {
    long at = layout.key(page, slot);
    int most = largest();
    if (pool.layout().wordElements() == 1) {
      MemorySegment.copy(elements, 0, pool.pages(), ValueLayout.JAVA_FLOAT, at, elements.length);
    } else {
      storeHalves(at);
    }
    pool.stored(page, Float.intBitsToFloat(most));
  }

  /** Bits of the largest magnitude; NaN is above all. */
  private int largest() {
    IntVector most = IntVector.zero(Lanes.I);
    for (int at = 0; at < elements.length; at += Lanes.COUNT) {
      FloatVector x = FloatVector.fromArray(Lanes.F, elements, at);
      most = most.max(x.reinterpretAsInts().and(MAGNITUDE));
    }
    return most.reduceLanes(VectorOperators.MAX);
  }

  private void storeHalves(long at) {
    MemorySegment pages = pool.pages();
    float[] from = elements;
    int vectors = from.length / 2 / Lanes.COUNT;
    for (int i = 0; i < vectors; i++) {
      int first = i * Lanes.COUNT;
      int even = first / BLOCK * 2 * BLOCK + first % BLOCK;
      FloatVector a = FloatVector.fromArray(Lanes.F, from, even);
      FloatVector b = FloatVector.fromArray(Lanes.F, from, even + BLOCK);
      IntVector aBits = a.reinterpretAsInts();
      IntVector bBits = b.reinterpretAsInts();
      IntVector aMagnitude = aBits.and(MAGNITUDE);
      IntVector bMagnitude = bBits.and(MAGNITUDE);
      // Normal halves: to the nearest, ties to even, by adding to the bits that go.
      IntVector aHalf =
          aMagnitude
              .lanewise(VectorOperators.LSHR, 13)
              .and(1)
              .add(aMagnitude)
              .sub((112 << 23) - 0xfff)
              .lanewise(VectorOperators.LSHR, 13)
              .min(0x7c00);
      IntVector bHalf =
          bMagnitude
              .lanewise(VectorOperators.LSHR, 13)
              .and(1)
              .add(bMagnitude)
              .sub((112 << 23) - 0xfff)
              .lanewise(VectorOperators.LSHR, 13)
              .min(0x7c00);
      // Subnormal halves are multiples of 2^-24, which is what 0.5 ends with.
      IntVector aSmall =
          aMagnitude.reinterpretAsFloats().add(0.5f).reinterpretAsInts().sub(0x3f000000);
      IntVector bSmall =
          bMagnitude.reinterpretAsFloats().add(0.5f).reinterpretAsInts().sub(0x3f000000);
      aHalf = aHalf.blend(aSmall, aMagnitude.compare(VectorOperators.LT, 113 << 23));
      bHalf = bHalf.blend(bSmall, bMagnitude.compare(VectorOperators.LT, 113 << 23));
      IntVector low = aBits.and(~MAGNITUDE).lanewise(VectorOperators.LSHR, 16).or(aHalf);
      IntVector high = bBits.and(~MAGNITUDE).or(bHalf.lanewise(VectorOperators.LSHL, 16));
      low.or(high).intoMemorySegment(pages, at + (long) first * KvLayout.WORD, Lanes.ORDER);
    }
  }
}
