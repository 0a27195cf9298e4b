package dev.warpwright.kernels.cpu.moe;

import dev.warpwright.kernels.cpu.HostDevice;
import dev.warpwright.kernels.cpu.sparse.ReferenceMatrix;
import dev.warpwright.kernels.moe.ExpertWeights;
import dev.warpwright.kernels.moe.PreparedExperts;
import dev.warpwright.kernels.sparse.WeightMatrix;
import java.util.List;

/** The matrices of all experts as F32. */
final class PreparedExpertsReference extends PreparedExperts {
  private final ReferenceMatrix[] gate;
  private final ReferenceMatrix[] up;

  PreparedExpertsReference(HostDevice device, ExpertWeights weights) {
    super(
        device,
        weights,
        4L * weights.outputs() * weights.inputs() * (weights.gate().size() + weights.up().size()));
    gate = decode(device, weights.gate());
    up = decode(device, weights.up());
  }

  private static ReferenceMatrix[] decode(
      HostDevice device, List<? extends WeightMatrix> matrices) {
    return matrices.stream()
        .map(matrix -> new ReferenceMatrix(device, matrix))
        .toArray(ReferenceMatrix[]::new);
  }

  float[] gate(int expert, int row) {
    return gate[expert].row(row);
  }

  float[] up(int expert, int row) {
    return up[expert].row(row);
  }

  @Override
  protected void release() {
    for (ReferenceMatrix matrix : gate) {
      matrix.close();
    }
    for (ReferenceMatrix matrix : up) {
      matrix.close();
    }
  }
}
