package dev.warpwright.kernels.cpu.moe;

import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.cpu.HostDevice;
import dev.warpwright.kernels.moe.Dispatch;
import dev.warpwright.kernels.moe.DispatchSpec;

/** {@link Dispatch} by looking through all choices once for each expert. */
final class DispatchReference extends Dispatch {
  DispatchReference(HostDevice device, DispatchSpec spec) {
    super(device, spec, 0);
  }

  @Override
  protected void execute(int tokens, Tensor ids, Tensor offsets, Tensor order, Tensor slots) {
    for (long slot = 0; slot < order.elements(); slot++) {
      order.setInt(slot, -1);
    }
    for (long f = 0; f < slots.elements(); f++) {
      slots.setInt(f, -1);
    }
    int slot = 0;
    for (int e = 0; e < spec().experts(); e++) {
      offsets.setInt(e, slot);
      int taken = 0;
      for (int f = 0; f < tokens * spec().topK(); f++) {
        if (ids.getInt(f) == e && (spec().capacity() == 0 || taken < spec().capacity())) {
          order.setInt(slot + taken, f);
          slots.setInt(f, slot + taken);
          taken++;
        }
      }
      slot += Math.ceilDiv(taken, spec().tile()) * spec().tile();
    }
    offsets.setInt(spec().experts(), slot);
  }

  @Override
  protected void release() {}
}
