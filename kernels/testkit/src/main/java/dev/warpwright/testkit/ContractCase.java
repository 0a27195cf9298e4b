package dev.warpwright.testkit;

import dev.warpwright.kernels.KernelDevice;
import dev.warpwright.kernels.KernelSpec;

/**
 * One reproducible input of a kernel. {@link Object#toString} describes it in one line from which
 * it can be made again.
 */
public interface ContractCase {
  /** What the plan is made for; asked of {@link KernelDevice#support} first. */
  KernelSpec spec();

  /**
   * Runs the kernel on both devices with the same inputs and compares.
   *
   * @param reference the scalar reference
   * @param device the device under test
   * @return the largest error seen as a fraction of what is allowed; 0 for exact results
   * @throws ContractViolation if results differ by more than the kernel's tolerance, an input
   *     changed, or memory outside an output was written
   */
  double run(KernelDevice reference, KernelDevice device);
}
