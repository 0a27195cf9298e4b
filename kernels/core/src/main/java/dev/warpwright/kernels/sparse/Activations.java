package dev.warpwright.kernels.sparse;

/** How the rows of x enter a {@link MatrixProduct}. */
public enum Activations {
  /** As they are. */
  F32,

  /**
   * Rounded to 8-bit codes, for symmetric 4-bit {@link WeightFormat.Quant} weights. With G the
   * weights' group size, each group of G elements of a row of x has the scale {@code d = fl(max_u
   * |x_u| / 127)} and the codes {@code c_u = rint(fl(x_u / d))}, ties to even, clamped to ±127 and
   * zero where d is zero; {@code d · c_u} enters the product in place of {@code x_u}. A NaN or an
   * infinity makes its row of y NaN.
   *
   * <p>Sums of the products of codes are exact over a group, or over 32 columns of it where it has
   * more, and are F32 from there on. The rounding of x by up to d / 2 an element is some 0.5 % of a
   * typical y.
   */
  I8
}
