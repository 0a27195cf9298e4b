package dev.warpwright.kernels.cpu;

import dev.warpwright.kernels.Checks;
import dev.warpwright.kernels.KernelDevice;
import dev.warpwright.kernels.KernelProvider;
import dev.warpwright.kernels.OpenOptions;
import dev.warpwright.kernels.Probe;
import java.util.List;

/**
 * Provider {@code cpu}: multi-threaded kernels on the Vector API, or scalar ones where that is
 * missing.
 */
public final class CpuProvider implements KernelProvider {
  static final String ID = "cpu";

  /** Called by the service loader. */
  public CpuProvider() {}

  @Override
  public String id() {
    return ID;
  }

  @Override
  public Probe probe() {
    return Probe.available(List.of(CpuDevice.describe()), VectorModule.warnings());
  }

  @Override
  public KernelDevice open(OpenOptions options) {
    Checks.between("ordinal", options.ordinal(), 0, 0);
    return new CpuDevice(options.threads());
  }
}
