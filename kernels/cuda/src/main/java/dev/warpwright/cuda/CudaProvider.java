package dev.warpwright.cuda;

import dev.warpwright.cuda.runtime.CudaDriver;
import dev.warpwright.kernels.Checks;
import dev.warpwright.kernels.KernelDevice;
import dev.warpwright.kernels.KernelProvider;
import dev.warpwright.kernels.OpenOptions;
import dev.warpwright.kernels.Probe;
import dev.warpwright.kernels.ProviderUnavailableException;
import java.util.ArrayList;
import java.util.List;

/** Provider {@code cuda}: kernels for NVIDIA GPUs, through the CUDA driver. */
public final class CudaProvider implements KernelProvider {
  static final String ID = "cuda";

  private static final CompiledKernels KERNELS = CompiledKernels.INSTALLED;

  /** Called by the service loader. */
  public CudaProvider() {}

  @Override
  public String id() {
    return ID;
  }

  @Override
  public Probe probe() {
    Probe driver = CudaDriver.probe();
    List<String> reasons = new ArrayList<>(driver.reasons());
    KERNELS.missing().ifPresent(reasons::add);
    if (driver.isAvailable()) {
      reasons.addAll(KERNELS.needs(CudaDriver.versionNumber()));
      List<String> old = new ArrayList<>();
      for (int ordinal = 0; ordinal < driver.devices().size(); ordinal++) {
        old.addAll(tooOld(ordinal, driver.devices().get(ordinal)));
      }
      if (old.size() == driver.devices().size()) {
        reasons.addAll(old);
      }
    }
    return reasons.isEmpty() ? driver : Probe.unavailable(reasons);
  }

  private static List<String> tooOld(int ordinal, String name) {
    int architecture = CudaDriver.architecture(ordinal);
    int least = KERNELS.leastArchitecture();
    return architecture >= least
        ? List.of()
        : List.of(
            "device "
                + ordinal
                + " ("
                + name
                + ") is sm_"
                + architecture
                + ", the kernels need sm_"
                + least
                + " or newer");
  }

  @Override
  public KernelDevice open(OpenOptions options) {
    Probe probe = probe();
    List<String> reasons = new ArrayList<>(probe.reasons());
    int ordinal = options.ordinal();
    if (probe.isAvailable() && ordinal < probe.devices().size()) {
      reasons.addAll(tooOld(ordinal, probe.devices().get(ordinal)));
    }
    if (!reasons.isEmpty()) {
      throw new ProviderUnavailableException(ID, reasons);
    }
    Checks.between("ordinal", ordinal, 0, probe.devices().size() - 1);
    return CudaKernelDevice.open(ordinal, options.vendorLibrary());
  }
}
