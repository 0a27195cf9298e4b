package dev.warpwright.cuda;

import dev.warpwright.kernels.KernelCatalogue;
import dev.warpwright.kernels.KernelCatalogue.Part;
import dev.warpwright.softgpu.SoftGpu;
import dev.warpwright.testkit.Contracts;
import dev.warpwright.testkit.KernelContract;
import java.util.List;

/** Which kernels there are. */
public final class Kernels {
  private Kernels() {}

  /** Whether nvcc was there. */
  public static boolean areCompiled() {
    return CompiledKernels.INSTALLED.missing().isEmpty();
  }

  /** Whether there is machine code too. */
  public static boolean areReleased() {
    return !CompiledKernels.INSTALLED.machineCode().isEmpty();
  }

  /** Whether nvcc was there, and the software GPU works here. */
  public static boolean canRun() {
    return areCompiled() && SoftGpu.unavailable() == null;
  }

  /** Contracts of the kernels that the catalogue says are built. */
  static List<KernelContract> built() {
    return Contracts.all().stream()
        .filter(contract -> KernelCatalogue.read().get(contract.kernel()).get(Part.CUDA).built())
        .toList();
  }
}
