package dev.warpwright.tornado.sparse;

import dev.warpwright.kernels.sparse.GroupSparseMatrix;
import dev.warpwright.kernels.sparse.Grouping;
import dev.warpwright.kernels.sparse.QuantMatrix;
import dev.warpwright.kernels.sparse.WeightFormat;
import dev.warpwright.kernels.sparse.WeightMatrix;
import dev.warpwright.tornado.Staged;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import org.jspecify.annotations.Nullable;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;
import uk.ac.manchester.tornado.api.types.arrays.TornadoNativeArray;

/** The rows of one or more matrices of one shape and format, one below the other, in arrays. */
public sealed interface StoredWeights {
  /** The arrays, in the order in which kernels take them; elements are of four bytes. */
  TornadoNativeArray[] arrays();

  /** Zeroed arrays of the same kind. */
  StoredWeights ofSizes(long... sizes);

  /** Memory of the arrays. */
  long bytes();

  /** Elements of a row with its padding; a row of inputs has as many, filled up with zeros. */
  int paddedColumns();

  /** Elements of a row of {@code format} with its padding. */
  static int padded(WeightFormat format, int columns) {
    return switch (format) {
      case WeightFormat.Dense dense -> Math.ceilDiv(columns, Dense.STEP) * Dense.STEP;
      case WeightFormat.Quant quant -> groups(quant.grouping(), columns);
      case WeightFormat.GroupSparse sparse -> groups(sparse.grouping(), columns);
    };
  }

  private static int groups(Grouping grouping, int columns) {
    return grouping.groups(columns) * grouping.size();
  }

  /** The most elements of an array that holds such a matrix; may be more than an array can have. */
  static long elements(WeightFormat format, long rows, int columns) {
    return switch (format) {
      case WeightFormat.Dense dense -> rows * padded(format, columns);
      case WeightFormat.Quant quant -> words(quant.grouping(), rows, columns);
      case WeightFormat.GroupSparse sparse -> words(sparse.grouping(), rows, columns);
    };
  }

  private static long words(Grouping grouping, long rows, int columns) {
    return rows * grouping.groups(columns) * Groups.words(grouping);
  }

  /** The groups of a format; null for none. */
  static @Nullable Grouping grouping(WeightFormat format) {
    return switch (format) {
      case WeightFormat.Dense dense -> null;
      case WeightFormat.Quant quant -> quant.grouping();
      case WeightFormat.GroupSparse sparse -> sparse.grouping();
    };
  }

  /** Stores a matrix. */
  static StoredWeights of(WeightMatrix matrix) {
    return of(List.of(matrix));
  }

  /** Stores matrices that are alike. */
  static StoredWeights of(List<? extends WeightMatrix> matrices) {
    return switch (matrices.getFirst().format()) {
      case WeightFormat.Dense dense -> Dense.of(matrices);
      case WeightFormat.Quant quant -> Groups.of(matrices, quant.grouping());
      case WeightFormat.GroupSparse sparse -> Groups.of(matrices, sparse.grouping());
    };
  }

  /**
   * Weights as F32.
   *
   * @param values {@code [rows, paddedColumns]}
   */
  record Dense(FloatArray values, int paddedColumns) implements StoredWeights {
    /** Elements that a kernel takes at once. */
    static final int STEP = 8;

    static Dense of(List<? extends WeightMatrix> matrices) {
      WeightMatrix first = matrices.getFirst();
      int padded = padded(first.format(), first.columns());
      FloatArray values = Staged.floats((long) matrices.size() * first.rows() * padded);
      MemorySegment to = values.getSegment();
      float[] row = new float[first.columns()];
      long at = 0;
      for (WeightMatrix matrix : matrices) {
        for (int n = 0; n < matrix.rows(); n++) {
          matrix.decodeRow(n, row);
          MemorySegment.copy(row, 0, to, ValueLayout.JAVA_FLOAT_UNALIGNED, at, row.length);
          at += (long) Float.BYTES * padded;
        }
      }
      return new Dense(values, padded);
    }

    @Override
    public TornadoNativeArray[] arrays() {
      return new TornadoNativeArray[] {values};
    }

    @Override
    public Dense ofSizes(long... sizes) {
      return new Dense(Staged.floats(sizes[0]), paddedColumns);
    }

    @Override
    public long bytes() {
      return values.getNumBytesOfSegment();
    }
  }

  /**
   * Groups of codes. Groups of a dense matrix are stored like those of a sparse one that keeps all.
   *
   * @param starts the first group of each row; one more for the end
   * @param columns the first column of each group
   * @param codes words of four bytes, {@link #words} a group
   * @param scales scale of each group
   * @param zeros zero point of each group
   */
  record Groups(
      IntArray starts,
      IntArray columns,
      IntArray codes,
      FloatArray scales,
      FloatArray zeros,
      int paddedColumns)
      implements StoredWeights {
    /** Words of the codes of a group. */
    public static int words(Grouping grouping) {
      return Math.ceilDiv(grouping.codeBytes(), Integer.BYTES);
    }

    static Groups of(List<? extends WeightMatrix> matrices, Grouping grouping) {
      WeightMatrix first = matrices.getFirst();
      long count = 0;
      for (WeightMatrix matrix : matrices) {
        count += kept(matrix, grouping, matrix.rows());
      }
      int words = words(grouping);
      Groups groups =
          new Groups(
              Staged.ints((long) matrices.size() * first.rows() + 1),
              Staged.ints(count),
              Staged.ints(count * words),
              Staged.floats(count),
              Staged.floats(count),
              padded(first.format(), first.columns()));
      int row = 0;
      int stored = 0;
      for (WeightMatrix matrix : matrices) {
        for (int n = 0; n < matrix.rows(); n++) {
          row++;
          groups.starts.set(row, stored + Math.toIntExact(kept(matrix, grouping, n + 1)));
        }
        int all = Math.toIntExact(kept(matrix, grouping, matrix.rows()));
        for (int t = 0; t < all; t++) {
          groups.store(matrix, grouping, t, stored + t, words);
        }
        stored += all;
      }
      return groups;
    }

    /** Groups before a row. */
    private static long kept(WeightMatrix matrix, Grouping grouping, int row) {
      return matrix instanceof GroupSparseMatrix sparse
          ? sparse.rowStart(row)
          : (long) row * grouping.groups(matrix.columns());
    }

    private void store(WeightMatrix matrix, Grouping grouping, int from, int to, int words) {
      switch (matrix) {
        case GroupSparseMatrix sparse -> {
          columns.set(to, sparse.groupIndex(from) * grouping.size());
          scales.set(to, sparse.scales().getFloat(from));
          zeros.set(to, sparse.zero(from));
          copy(sparse.codes().segment(), grouping, from, to, words);
        }
        case QuantMatrix quant -> {
          columns.set(to, from % grouping.groups(quant.columns()) * grouping.size());
          scales.set(to, quant.scales().getFloat(from));
          zeros.set(
              to,
              quant.zeros() == null
                  ? grouping.zero()
                  : quant.zeros().segment().get(ValueLayout.JAVA_BYTE, from) & 0xFF);
          copy(quant.codes().segment(), grouping, from, to, words);
        }
        default -> throw new IllegalStateException("not a matrix of groups: " + matrix);
      }
    }

    private void copy(MemorySegment source, Grouping grouping, int from, int to, int words) {
      MemorySegment.copy(
          source,
          (long) from * grouping.codeBytes(),
          codes.getSegment(),
          (long) to * words * Integer.BYTES,
          grouping.codeBytes());
    }

    @Override
    public TornadoNativeArray[] arrays() {
      return new TornadoNativeArray[] {starts, columns, codes, scales, zeros};
    }

    @Override
    public Groups ofSizes(long... sizes) {
      return new Groups(
          Staged.ints(sizes[0]),
          Staged.ints(sizes[1]),
          Staged.ints(sizes[2]),
          Staged.floats(sizes[3]),
          Staged.floats(sizes[4]),
          paddedColumns);
    }

    @Override
    public long bytes() {
      return starts.getNumBytesOfSegment()
          + columns.getNumBytesOfSegment()
          + codes.getNumBytesOfSegment()
          + scales.getNumBytesOfSegment()
          + zeros.getNumBytesOfSegment();
    }
  }
}
