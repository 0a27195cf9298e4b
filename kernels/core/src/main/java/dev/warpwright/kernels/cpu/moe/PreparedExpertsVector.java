package dev.warpwright.kernels.cpu.moe;

import dev.warpwright.kernels.cpu.HostDevice;
import dev.warpwright.kernels.moe.ExpertWeights;
import dev.warpwright.kernels.moe.PreparedExperts;
import java.util.ArrayList;
import java.util.List;

/** The matrices of all experts, each in the layout of its format's kernel. */
final class PreparedExpertsVector extends PreparedExperts {
  private final List<ExpertMatrices> experts;

  private PreparedExpertsVector(
      HostDevice device, ExpertWeights weights, List<ExpertMatrices> experts) {
    super(device, weights, experts.stream().mapToLong(ExpertMatrices::bytes).sum());
    this.experts = experts;
  }

  /** Copies {@code weights}. */
  static PreparedExpertsVector of(HostDevice device, ExpertWeights weights) {
    List<ExpertMatrices> experts = new ArrayList<>();
    try {
      for (int e = 0; e < weights.experts(); e++) {
        experts.add(
            ExpertMatrices.of(
                device, weights.gate().get(e), weights.isGated() ? weights.up().get(e) : null));
      }
      return new PreparedExpertsVector(device, weights, experts);
    } catch (RuntimeException | Error e) {
      experts.forEach(ExpertMatrices::close);
      throw e;
    }
  }

  ExpertMatrices expert(int expert) {
    return experts.get(expert);
  }

  @Override
  protected void release() {
    experts.forEach(ExpertMatrices::close);
  }
}
