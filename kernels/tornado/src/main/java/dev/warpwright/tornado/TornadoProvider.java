package dev.warpwright.tornado;

import dev.warpwright.kernels.Checks;
import dev.warpwright.kernels.KernelDevice;
import dev.warpwright.kernels.KernelProvider;
import dev.warpwright.kernels.OpenOptions;
import dev.warpwright.kernels.Probe;
import dev.warpwright.kernels.ProviderUnavailableException;
import java.util.List;

/**
 * Provider {@code tornado}: kernels for the devices of TornadoVM. The ordinal counts the devices of
 * all backends, in TornadoVM's order; {@link Probe#devices} names backend and index of each.
 */
public final class TornadoProvider implements KernelProvider {
  static final String ID = "tornado";

  /** What is said where TornadoVM is not in the JVM. */
  static final String NOT_STARTED =
      "this JVM was started without TornadoVM: start it with @$TORNADOVM_HOME/tornado-argfile of an"
          + " SDK built for JDK "
          + Runtime.version().feature()
          + ", and -Dtornado.recover.bailout=False";

  /** Called by the service loader. */
  public TornadoProvider() {}

  @Override
  public String id() {
    return ID;
  }

  @Override
  public Probe probe() {
    try {
      return Installation.probe();
    } catch (LinkageError e) {
      return Probe.unavailable(List.of(NOT_STARTED));
    }
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
