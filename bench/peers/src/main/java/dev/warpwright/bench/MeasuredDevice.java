package dev.warpwright.bench;

import dev.warpwright.kernels.KernelDevice;
import dev.warpwright.kernels.NativeCode;
import dev.warpwright.kernels.OpenOptions;
import dev.warpwright.kernels.cpu.CpuProvider;
import dev.warpwright.kernels.cpu.ReferenceProvider;
import dev.warpwright.testkit.ContractCase;
import dev.warpwright.testkit.KernelContract;

/** Opens the device that a benchmark measures, after holding it to what it measures. */
final class MeasuredDevice {
  private MeasuredDevice() {}

  /** {@link #cpu(NativeCode, int, KernelContract...)} with C kernels where they are. */
  static KernelDevice cpu(int threads, KernelContract... contracts) {
    return cpu(NativeCode.AUTO, threads, contracts);
  }

  /**
   * The processor with {@code threads} threads, printed; each contract's extremes were compared
   * with the reference, and a wrong kernel is not measured.
   */
  static KernelDevice cpu(NativeCode nativeCode, int threads, KernelContract... contracts) {
    KernelDevice device =
        new CpuProvider()
            .open(OpenOptions.defaults().withThreads(threads).withNativeCode(nativeCode));
    try (KernelDevice reference = new ReferenceProvider().open(OpenOptions.defaults())) {
      for (KernelContract contract : contracts) {
        for (ContractCase extreme : contract.extremes()) {
          extreme.run(reference, device);
        }
      }
    }
    System.out.println("# Provider: " + device.place() + ", " + device.name());
    return device;
  }
}
