package dev.warpwright.kernels.moe;

import dev.warpwright.kernels.Checks;
import dev.warpwright.kernels.KernelId;
import dev.warpwright.kernels.KernelSpec;
import dev.warpwright.kernels.sparse.WeightFormat;

/**
 * Sizes and options of an {@link ExpertMatmul}.
 *
 * @param maxSlots most slots of one run
 * @param experts number of experts
 * @param outputs output features of an expert
 * @param inputs input features of an expert
 * @param format format of the weights
 * @param activation what happens to the products
 * @param topK experts a token, with which {@code order} is turned into tokens; 0 when x already
 *     lies in slot order
 * @param maxRows most rows of x of one run; providers keep room for them
 */
public record ExpertMatmulSpec(
    int maxSlots,
    int experts,
    int outputs,
    int inputs,
    WeightFormat format,
    Activation activation,
    int topK,
    int maxRows)
    implements KernelSpec {
  /** What happens to the products. */
  public enum Activation {
    /** y = gate·x. */
    NONE,
    /** y = silu(gate·x) ⊙ (up·x), silu(a) = a / (1 + exp(−a)). */
    SWIGLU,
    /** y = gelu(gate·x) ⊙ (up·x), gelu(a) = a · (1 + erf(a/√2)) / 2. */
    GEGLU
  }

  /** Checks the values. */
  public ExpertMatmulSpec {
    Checks.between("maxSlots", maxSlots, 1, Integer.MAX_VALUE);
    Checks.between("experts", experts, 1, 1 << 20);
    Checks.between("outputs", outputs, 1, Integer.MAX_VALUE);
    Checks.between("inputs", inputs, 1, Integer.MAX_VALUE - 256);
    Checks.notNull("format", format);
    Checks.notNull("activation", activation);
    Checks.between("topK", topK, 0, 1 << 20);
    Checks.between("maxRows", maxRows, 1, Integer.MAX_VALUE);
  }

  /** The same with at most as many rows of x as slots: no more tokens than choices are placed. */
  public ExpertMatmulSpec(
      int maxSlots,
      int experts,
      int outputs,
      int inputs,
      WeightFormat format,
      Activation activation,
      int topK) {
    this(maxSlots, experts, outputs, inputs, format, activation, topK, maxSlots);
  }

  /** These sizes with another number of rows of x. */
  public ExpertMatmulSpec withMaxRows(int value) {
    return new ExpertMatmulSpec(
        maxSlots, experts, outputs, inputs, format, activation, topK, value);
  }

  /** Products of the experts of {@code weights}. */
  public static ExpertMatmulSpec of(
      int maxSlots, ExpertWeights weights, Activation activation, int topK) {
    return new ExpertMatmulSpec(
        maxSlots,
        weights.experts(),
        weights.outputs(),
        weights.inputs(),
        weights.format(),
        activation,
        topK);
  }

  @Override
  public KernelId kernel() {
    return KernelId.EXPERT_MATMUL;
  }
}
