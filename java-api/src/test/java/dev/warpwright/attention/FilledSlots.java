package dev.warpwright.attention;

import dev.warpwright.kernels.Tensor;
import java.util.Arrays;

/** What the filled slots of a sequence hold, of F32 and heads of 8. */
final class FilledSlots {
  private FilledSlots() {}

  static float[] keys(Sequence sequence) {
    int pageSize = sequence.cache().spec().pageSize();
    float[] all = new float[0];
    for (int row = 0; row < sequence.rows(); row++) {
      int count = sequence.pageCount(row);
      int[] pages = new int[count];
      int ofRow = row;
      Arrays.setAll(pages, i -> sequence.page(ofRow, i));
      Tensor keys = Tensor.wrap(new float[count * pageSize * 8], count, pageSize, 8);
      Tensor values = Tensor.wrap(new float[count * pageSize * 8], count, pageSize, 8);
      Tensor positions = Tensor.wrap(new int[count * pageSize], count, pageSize);
      sequence.cache().pool().exportPages(pages, keys, values, positions);
      int before = all.length;
      all = Arrays.copyOf(all, before + sequence.length(row) * 8);
      System.arraycopy(keys.toFloats(), 0, all, before, sequence.length(row) * 8);
    }
    return all;
  }
}
