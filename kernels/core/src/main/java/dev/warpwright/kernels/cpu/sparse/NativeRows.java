package dev.warpwright.kernels.cpu.sparse;

import dev.warpwright.kernels.cpu.HostDevice;
import dev.warpwright.kernels.cpu.NativeLibrary;
import dev.warpwright.kernels.sparse.Activations;
import dev.warpwright.kernels.sparse.Grouping;
import dev.warpwright.kernels.sparse.WeightFormat;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/**
 * Rows of x as the byte dot products of a processor take them: fixed-point numbers of four signed
 * bytes, or the one-byte codes of {@link Activations#I8}. {@code warpwright_cpu.h} has the layout.
 *
 * <p>Fixed-point numbers count from the largest magnitude m of a group of x: an element is rounded
 * by at most 2^-30 · m, and not at all if it is larger than m / 32. Sums of the products of a group
 * are exact. So an output is off by less than when F32 products are added, unless the largest
 * elements meet weights of zero. A row with an infinity or NaN has no such form and is multiplied
 * as floats.
 */
final class NativeRows {
  /** Digits of a fixed-point number. */
  private static final int FIXED_POINT = 4;

  private final Activations activations;
  private final int group;
  private final int groups;
  private final long words;
  private final MemorySegment encoded;
  private final boolean[] isEncoded;

  private NativeRows(int rows, int inputs, WeightFormat format, Activations activations) {
    this.activations = activations;
    group = group(format);
    groups = groups(inputs, group);
    words = words(inputs, group, activations);
    encoded = NativeLibrary.allocate(rows * words * Integer.BYTES);
    isEncoded = new boolean[rows];
  }

  /** Room for rows of x that C kernels multiply by matrices of {@code format}; null if none do. */
  static @Nullable NativeRows of(
      HostDevice device, int rows, int inputs, WeightFormat format, Activations activations) {
    return areFor(device, format) ? new NativeRows(rows, inputs, format, activations) : null;
  }

  /** Whether a device multiplies matrices of {@code format} in C. */
  static boolean areFor(HostDevice device, WeightFormat format) {
    if (!device.nativeKernels()) {
      return false;
    }
    return switch (format) {
      case WeightFormat.Quant(Grouping grouping) -> isW4(grouping);
      case WeightFormat.GroupSparse(Grouping grouping) -> isW4(grouping);
      default -> false;
    };
  }

  static long bytes(int rows, int inputs, WeightFormat format, Activations activations) {
    return rows * (words(inputs, group(format), activations) * Integer.BYTES + 1);
  }

  private static boolean isW4(Grouping grouping) {
    return grouping.bits() == 4 && grouping.symmetric();
  }

  private static int group(WeightFormat format) {
    return switch (format) {
      case WeightFormat.Quant(Grouping grouping) -> grouping.size();
      case WeightFormat.GroupSparse(Grouping grouping) -> grouping.size();
      default -> throw new IllegalArgumentException("no groups in " + format);
    };
  }

  private static int groups(int inputs, int group) {
    return (inputs + group - 1) / group;
  }

  private static long words(int inputs, int group, Activations activations) {
    int digits = digits(activations);
    return (long) groups(inputs, group) * (group / 4 * digits + digits + 1);
  }

  private static int digits(Activations activations) {
    return activations == Activations.I8 ? 1 : FIXED_POINT;
  }

  /** Digits of an element. */
  int digits() {
    return digits(activations);
  }

  /** Encodes a row of floats, with zeros behind the last column up to whole groups. */
  void load(int row, MemorySegment floats, int at) {
    if (activations == Activations.I8) {
      W4Native.round(floats, at, groups, group, encoded, at(row));
      isEncoded[row] = true;
    } else {
      isEncoded[row] = W4Native.fixedPoint(floats, at, groups, group, encoded, at(row));
    }
  }

  /** Whether a row has a form for byte products; otherwise it is multiplied as floats. */
  boolean isEncoded(int row) {
    return isEncoded[row];
  }

  /** All rows. */
  MemorySegment encoded() {
    return encoded;
  }

  /** The first word of a row. */
  long at(int row) {
    return row * words;
  }
}
