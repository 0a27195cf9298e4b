package dev.warpwright.kernels;

import java.util.Arrays;

/**
 * Sizes of a tensor's dimensions, outermost first. Products are checked for overflow of 63 bits.
 */
public final class Shape {
  private final long[] sizes;
  private final long elements;

  private Shape(long[] sizes, long elements) {
    this.sizes = sizes;
    this.elements = elements;
  }

  /**
   * A shape with the given sizes; no sizes make the shape of a scalar.
   *
   * @throws InvalidArgumentException if a size is negative or the number of elements does not fit
   *     in 63 bits
   */
  public static Shape of(long... sizes) {
    long elements = 1;
    boolean empty = false;
    for (int dim = 0; dim < sizes.length; dim++) {
      Checks.atLeast("shape[" + dim + "]", sizes[dim], 0);
      empty |= sizes[dim] == 0;
    }
    for (long size : sizes) {
      // The overflow check ignores zeros so that a shape does not become valid by appending one.
      if (size != 0 && elements > Long.MAX_VALUE / size) {
        throw new InvalidArgumentException(
            "shape", Arrays.toString(sizes), "at most 2^63-1 elements");
      }
      elements *= Math.max(size, 1);
    }
    return new Shape(sizes.clone(), empty ? 0 : elements);
  }

  /** Number of dimensions. */
  public int rank() {
    return sizes.length;
  }

  /** Size of dimension {@code dim}, counted from the outermost. */
  public long size(int dim) {
    return sizes[dim];
  }

  /** Product of all sizes. */
  public long elements() {
    return elements;
  }

  /** This shape with the outermost size replaced. */
  Shape withLeading(long size) {
    long[] copy = sizes.clone();
    copy[0] = size;
    return of(copy);
  }

  /** This shape without its outermost dimension. */
  Shape dropLeading() {
    return of(Arrays.copyOfRange(sizes, 1, sizes.length));
  }

  /** Whether the sizes are exactly {@code expected}. */
  public boolean is(long... expected) {
    return Arrays.equals(sizes, expected);
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof Shape that && Arrays.equals(sizes, that.sizes);
  }

  @Override
  public int hashCode() {
    return Arrays.hashCode(sizes);
  }

  @Override
  public String toString() {
    return Arrays.toString(sizes);
  }
}
