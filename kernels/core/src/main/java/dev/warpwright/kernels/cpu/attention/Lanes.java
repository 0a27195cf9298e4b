package dev.warpwright.kernels.cpu.attention;

import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorShape;
import jdk.incubator.vector.VectorSpecies;

/** Vector shapes of this family: the machine's own, at most the 16 lanes of a block of slots. */
final class Lanes {
  /** Slots of a block: private layouts keep the same element of so many keys side by side. */
  static final int BLOCK = 16;

  private static final VectorShape SHAPE =
      VectorShape.forBitSize(
          Math.min(FloatVector.SPECIES_PREFERRED.vectorBitSize(), BLOCK * Float.SIZE));

  /** Floats. */
  static final VectorSpecies<Float> F = VectorSpecies.of(float.class, SHAPE);

  /** As many ints. */
  static final VectorSpecies<Integer> I = VectorSpecies.of(int.class, SHAPE);

  /** As many shorts. */
  static final VectorSpecies<Short> S =
      VectorSpecies.of(short.class, VectorShape.forBitSize(F.length() * Short.SIZE));

  /** Number of lanes. */
  static final int COUNT = F.length();

  /** Order of bytes in pages. */
  static final ByteOrder ORDER = ByteOrder.nativeOrder();

  static {
    assert ShortVector.zero(S).length() == IntVector.zero(I).length();
  }

  private Lanes() {}
}
