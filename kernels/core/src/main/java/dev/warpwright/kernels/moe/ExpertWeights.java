package dev.warpwright.kernels.moe;

import dev.warpwright.kernels.Checks;
import dev.warpwright.kernels.sparse.WeightFormat;
import dev.warpwright.kernels.sparse.WeightMatrix;
import java.util.List;

/**
 * The matrices of all experts of a layer, of one shape and format.
 *
 * @param gate matrices whose products are put through the activation, one an expert
 * @param up matrices whose products are multiplied with the activated ones, one an expert; empty
 *     when there is no gating
 */
public record ExpertWeights(List<? extends WeightMatrix> gate, List<? extends WeightMatrix> up) {
  /** Copies the lists and checks that all matrices are alike. */
  public ExpertWeights {
    gate = List.copyOf(Checks.notNull("gate", gate));
    up = List.copyOf(Checks.notNull("up", up));
    Checks.atLeast("experts", gate.size(), 1);
    Checks.that(
        up.isEmpty() || up.size() == gate.size(), "up.size", up.size(), "0 or " + gate.size());
    WeightMatrix first = gate.getFirst();
    requireAlike("gate", gate, first);
    requireAlike("up", up, first);
  }

  private static void requireAlike(
      String argument, List<? extends WeightMatrix> matrices, WeightMatrix first) {
    for (int e = 0; e < matrices.size(); e++) {
      WeightMatrix matrix = matrices.get(e);
      boolean alike =
          matrix.rows() == first.rows()
              && matrix.columns() == first.columns()
              && matrix.format().equals(first.format());
      Checks.that(
          alike,
          argument + "[" + e + "]",
          matrix.rows() + "×" + matrix.columns() + " " + matrix.format(),
          first.rows() + "×" + first.columns() + " " + first.format());
    }
  }

  /** One matrix an expert. */
  public static ExpertWeights plain(List<? extends WeightMatrix> matrices) {
    return new ExpertWeights(matrices, List.of());
  }

  /** A gate and an up matrix an expert. */
  public static ExpertWeights gated(
      List<? extends WeightMatrix> gate, List<? extends WeightMatrix> up) {
    Checks.that(!up.isEmpty(), "up", "empty", "one matrix an expert");
    return new ExpertWeights(gate, up);
  }

  /** Number of experts. */
  public int experts() {
    return gate.size();
  }

  /** Output features of an expert. */
  public int outputs() {
    return gate.getFirst().rows();
  }

  /** Input features of an expert. */
  public int inputs() {
    return gate.getFirst().columns();
  }

  /** Whether there are up matrices. */
  public boolean isGated() {
    return !up.isEmpty();
  }

  /** The format of all matrices. */
  public WeightFormat format() {
    return gate.getFirst().format();
  }
}
