package dev.warpwright.kernels.cpu.reduce;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import dev.warpwright.kernels.KernelDevice;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.reduce.TreeReduceSpec;
import java.lang.foreign.MemorySegment;
import java.util.List;

/** {@link dev.warpwright.kernels.reduce.TreeReduceStream}, one column after the other. */
final class TreeReduceStreamReference extends HostTreeReduceStream {
  TreeReduceStreamReference(KernelDevice device, TreeReduceSpec spec) {
    super(device, spec, 4 * spec.columns());
  }

  @Override
  protected void accumulate(Tensor row, float weight, List<MemorySegment> terms, MemorySegment to) {
    for (long column = 0; column < spec().columns(); column++) {
      float sum = weight * row.getFloat(column);
      for (int i = 0; i < terms.size(); i++) {
        sum = terms.get(i).getAtIndex(JAVA_FLOAT, column) + sum;
      }
      to.setAtIndex(JAVA_FLOAT, column, sum);
    }
  }

  @Override
  protected void accumulate(MemorySegment from, MemorySegment to) {
    for (long column = 0; column < spec().columns(); column++) {
      float sum = to.getAtIndex(JAVA_FLOAT, column) + from.getAtIndex(JAVA_FLOAT, column);
      to.setAtIndex(JAVA_FLOAT, column, sum);
    }
  }

  @Override
  void scale(MemorySegment root, float factor, Tensor out) {
    for (long column = 0; column < spec().columns(); column++) {
      out.setFloat(column, root.getAtIndex(JAVA_FLOAT, column) * factor);
    }
  }
}
