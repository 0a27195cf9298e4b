package dev.warpwright.kernels.cpu.reduce;

import dev.warpwright.kernels.KernelDevice;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.reduce.TreeNodeStream;
import dev.warpwright.kernels.reduce.TreeReduceSpec;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/** A stream whose nodes lie in native memory. */
abstract class HostTreeReduceStream extends TreeNodeStream<MemorySegment> {
  private final Arena arena = Arena.ofShared();
  private final long nodeBytes;

  HostTreeReduceStream(KernelDevice device, TreeReduceSpec spec, long nodeBytes) {
    super(device, spec, nodeBytes);
    this.nodeBytes = nodeBytes;
  }

  /** {@code out = factor · root}. */
  abstract void scale(MemorySegment root, float factor, Tensor out);

  @Override
  protected final void finish(@Nullable MemorySegment root, float factor, Tensor out) {
    if (root == null) {
      out.segment().fill((byte) 0);
    } else {
      scale(root, factor, out);
    }
  }

  @Override
  protected final MemorySegment allocate() {
    return arena.allocate(nodeBytes, 64);
  }

  /** Memory that lives as long as the plan. */
  final Arena arena() {
    return arena;
  }

  @Override
  protected void release() {
    arena.close();
  }
}
