package dev.warpwright.tornado;

import dev.warpwright.kernels.Checks;
import dev.warpwright.kernels.KernelDevice;
import dev.warpwright.kernels.KernelProvider;
import dev.warpwright.kernels.OpenOptions;
import dev.warpwright.kernels.Probe;
import dev.warpwright.kernels.ProviderUnavailableException;

/**
 * Provider {@code tornado}: kernels for the devices of TornadoVM. The ordinal counts the devices of
 * all backends, in TornadoVM's order; {@link Probe#devices} names backend and index of each.
 */
public final class TornadoProvider implements KernelProvider {
  static final String ID = "tornado";

  /** Called by the service loader. */
  public TornadoProvider() {}

  @Override
  public String id() {
    return ID;
  }

  @Override
  public Probe probe() {
    return Installation.probe();
  }

  @Override
  public KernelDevice open(OpenOptions options) {
    Probe probe = probe();
    if (!probe.isAvailable()) {
      throw new ProviderUnavailableException(ID, probe.reasons());
    }
    Checks.between("ordinal", options.ordinal(), 0, probe.devices().size() - 1);
    return TornadoKernelDevice.open(options.ordinal());
  }
}
