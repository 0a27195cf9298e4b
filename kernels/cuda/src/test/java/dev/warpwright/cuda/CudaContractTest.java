package dev.warpwright.cuda;

import dev.warpwright.kernels.KernelDevice;
import dev.warpwright.testkit.ContractTest;
import dev.warpwright.testkit.KernelContract;
import java.util.List;

/** A contract on the CUDA provider, with all checks of the software GPU. */
@CudaTest
public abstract class CudaContractTest extends ContractTest {
  /** A test of {@code contract}. */
  protected CudaContractTest(KernelContract contract) {
    super(contract);
  }

  @Override
  protected List<KernelDevice> devices() {
    return List.of(open("cuda", 1));
  }
}
