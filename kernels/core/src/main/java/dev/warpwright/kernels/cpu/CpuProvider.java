package dev.warpwright.kernels.cpu;

import dev.warpwright.kernels.Checks;
import dev.warpwright.kernels.KernelDevice;
import dev.warpwright.kernels.KernelProvider;
import dev.warpwright.kernels.NativeCode;
import dev.warpwright.kernels.OpenOptions;
import dev.warpwright.kernels.Probe;
import dev.warpwright.kernels.ProviderUnavailableException;
import java.util.List;

/**
 * Provider {@code cpu}: multi-threaded kernels on the Vector API, some of them in C where {@link
 * NativeLibrary} has them, or scalar ones where the Vector API is missing.
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
    return Probe.available(
        List.of(CpuDevice.describe(NativeCode.configured())), VectorModule.warnings());
  }

  @Override
  public KernelDevice open(OpenOptions options) {
    Checks.between("ordinal", options.ordinal(), 0, 0);
    NativeCode nativeCode = options.nativeCode();
    String refusal = CpuDevice.refusal(nativeCode);
    if (nativeCode == NativeCode.REQUIRED && refusal != null) {
      throw new ProviderUnavailableException(ID, List.of("C kernels are required, but " + refusal));
    }
    return new CpuDevice(options.threads(), nativeCode);
  }
}
