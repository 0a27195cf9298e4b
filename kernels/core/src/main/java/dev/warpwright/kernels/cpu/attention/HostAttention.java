package dev.warpwright.kernels.cpu.attention;

import dev.warpwright.kernels.Checks;
import dev.warpwright.kernels.KernelFamily;
import dev.warpwright.kernels.KernelSpec;
import dev.warpwright.kernels.Support;
import dev.warpwright.kernels.attention.AttentionKernels;
import dev.warpwright.kernels.attention.KvPoolSpec;
import dev.warpwright.kernels.cpu.HostDevice;
import dev.warpwright.kernels.cpu.HostFamily;

/** What the attention kernels of the host providers offer: all, for pools of all types. */
abstract class HostAttention extends HostFamily implements AttentionKernels {
  /** A family of {@code device}. */
  HostAttention(HostDevice device) {
    super(device);
  }

  @Override
  public final Support support(KernelSpec spec) {
    return spec.kernel().family() == KernelFamily.ATTENTION
        ? Support.yes()
        : Support.no("not an attention kernel");
  }

  /** Refuses a missing spec and a closed device. */
  final void requirePool(KvPoolSpec spec) {
    Checks.notNull("spec", spec);
    device().requireOpen();
  }
}
