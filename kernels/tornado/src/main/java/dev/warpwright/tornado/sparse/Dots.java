package dev.warpwright.tornado.sparse;

import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/**
 * Products of one row of inputs with one row of stored weights, for kernels, which TornadoVM
 * compiles them into. The order of additions depends on the row of weights only.
 */
public final class Dots {
  private Dots() {}

  /**
   * With weights that are F32.
   *
   * @param from the first weight
   * @param at the first input
   * @param count elements, a multiple of {@link StoredWeights.Dense#STEP}
   */
  public static float dense(FloatArray weights, int from, FloatArray x, int at, int count) {
    float s0 = 0;
    float s1 = 0;
    float s2 = 0;
    float s3 = 0;
    float s4 = 0;
    float s5 = 0;
    float s6 = 0;
    float s7 = 0;
    for (int k = 0; k < count; k += 8) {
      s0 += weights.get(from + k) * x.get(at + k);
      s1 += weights.get(from + k + 1) * x.get(at + k + 1);
      s2 += weights.get(from + k + 2) * x.get(at + k + 2);
      s3 += weights.get(from + k + 3) * x.get(at + k + 3);
      s4 += weights.get(from + k + 4) * x.get(at + k + 4);
      s5 += weights.get(from + k + 5) * x.get(at + k + 5);
      s6 += weights.get(from + k + 6) * x.get(at + k + 6);
      s7 += weights.get(from + k + 7) * x.get(at + k + 7);
    }
    return ((s0 + s4) + (s2 + s6)) + ((s1 + s5) + (s3 + s7));
  }

  /**
   * With groups of codes. A code is turned into a float before its zero is subtracted: TornadoVM
   * takes the difference of masked integers for unsigned.
   *
   * @param row the row of weights, among all rows
   * @param groupsAt where the matrix's groups begin
   * @param codesAt where its codes begin
   * @param at the first input
   * @param words words of a group
   * @param bits bits of a code
   * @param units scale of each group of inputs, from {@code unitsAt} on
   * @param size inputs that share a unit; 0 when the inputs are not codes
   */
  public static float groups(
      IntArray starts,
      IntArray columns,
      IntArray codes,
      FloatArray scales,
      FloatArray zeros,
      int row,
      int groupsAt,
      int codesAt,
      FloatArray x,
      int at,
      int words,
      int bits,
      FloatArray units,
      int unitsAt,
      int size) {
    int perWord = 32 / bits;
    int mask = (1 << bits) - 1;
    float sum = 0;
    int end = starts.get(row + 1);
    for (int t = starts.get(row); t < end; t++) {
      int column = columns.get(groupsAt + t);
      float zero = zeros.get(groupsAt + t);
      float part = 0;
      float other = 0;
      for (int word = 0; word < words; word++) {
        int packed = codes.get(codesAt + t * words + word);
        int k = at + column + word * perWord;
        for (int i = 0; i < perWord; i += 2) {
          part += ((float) ((packed >> (i * bits)) & mask) - zero) * x.get(k + i);
          other += ((float) ((packed >> (i * bits + bits)) & mask) - zero) * x.get(k + i + 1);
        }
      }
      float scale = scales.get(groupsAt + t);
      if (size > 0) {
        scale = scale * units.get(unitsAt + column / size);
      }
      sum += scale * (part + other);
    }
    return sum;
  }
}
