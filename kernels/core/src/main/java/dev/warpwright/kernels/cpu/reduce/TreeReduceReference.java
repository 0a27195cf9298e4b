package dev.warpwright.kernels.cpu.reduce;

import dev.warpwright.kernels.KernelDevice;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.reduce.TreeReduce;
import dev.warpwright.kernels.reduce.TreeReduceSpec;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** {@link TreeReduce} column by column and level by level, as it is defined. */
final class TreeReduceReference extends TreeReduce {
  private final float[] nodes;

  TreeReduceReference(KernelDevice device, TreeReduceSpec spec) {
    super(device, spec, 4L * spec.slots());
    nodes = new float[spec.slots()];
  }

  @Override
  protected void execute(
      List<? extends @Nullable Tensor> rows, float[] weights, float factor, Tensor out) {
    boolean any = rows.stream().anyMatch(row -> row != null);
    for (long column = 0; column < spec().columns(); column++) {
      out.setFloat(column, any ? reduce(rows, weights, column) * factor : 0f);
    }
  }

  private float reduce(List<? extends @Nullable Tensor> rows, float[] weights, long column) {
    for (int slot = 0; slot < nodes.length; slot++) {
      Tensor row = rows.get(slot);
      // x + (−0) is x for every x, so −0 passes a missing slot's sibling through.
      nodes[slot] = row == null ? -0f : weights[slot] * row.getFloat(column);
    }
    for (int count = nodes.length; count > 1; count = (count + 1) / 2) {
      for (int i = 0; i < count / 2; i++) {
        nodes[i] = nodes[2 * i] + nodes[2 * i + 1];
      }
      if (count % 2 == 1) {
        nodes[count / 2] = nodes[count - 1];
      }
    }
    return nodes[0];
  }

  @Override
  protected void release() {}
}
