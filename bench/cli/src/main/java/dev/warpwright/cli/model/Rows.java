package dev.warpwright.cli.model;

import dev.warpwright.kernels.Tensor;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** What a decoder does to rows of features between the kernels. */
final class Rows {
  private Rows() {}

  /** Copies row {@code tokens[i]} of {@code table} to row i of {@code rows}, as F32. */
  static void lookUp(Tensor table, int[] tokens, Tensor rows) {
    long columns = table.size(1);
    for (int i = 0; i < tokens.length; i++) {
      for (long c = 0; c < columns; c++) {
        rows.setFloat(i * columns + c, table.getFloat(tokens[i] * columns + c));
      }
    }
  }

  /** {@code sum += term}, both F32. */
  static void add(Tensor sum, Tensor term) {
    MemorySegment a = sum.segment();
    MemorySegment b = term.segment();
    for (long at = 0; at < a.byteSize(); at += Float.BYTES) {
      a.set(
          ValueLayout.JAVA_FLOAT_UNALIGNED,
          at,
          a.get(ValueLayout.JAVA_FLOAT_UNALIGNED, at)
              + b.get(ValueLayout.JAVA_FLOAT_UNALIGNED, at));
    }
  }

  /** ln Σ exp(x) of F32 values, in double. */
  static double logSumExp(Tensor values) {
    float most = Float.NEGATIVE_INFINITY;
    for (long i = 0; i < values.elements(); i++) {
      most = Math.max(most, values.getFloat(i));
    }
    double sum = 0;
    for (long i = 0; i < values.elements(); i++) {
      sum += Math.exp((double) values.getFloat(i) - most);
    }
    return most + Math.log(sum);
  }
}
