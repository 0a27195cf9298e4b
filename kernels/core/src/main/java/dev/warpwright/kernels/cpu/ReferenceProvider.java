package dev.warpwright.kernels.cpu;

import dev.warpwright.kernels.Checks;
import dev.warpwright.kernels.KernelDevice;
import dev.warpwright.kernels.KernelProvider;
import dev.warpwright.kernels.OpenOptions;
import dev.warpwright.kernels.Probe;
import java.util.List;

/** Provider {@code reference}: the scalar reference, chosen only by name. */
public final class ReferenceProvider implements KernelProvider {
  static final String ID = "reference";

  /** Called by the service loader. */
  public ReferenceProvider() {}

  @Override
  public String id() {
    return ID;
  }

  @Override
  public Probe probe() {
    return Probe.available(List.of("scalar reference"), List.of());
  }

  @Override
  public KernelDevice open(OpenOptions options) {
    Checks.between("ordinal", options.ordinal(), 0, 0);
    return new ReferenceDevice();
  }
}
