package dev.warpwright.tornado;

import dev.warpwright.kernels.KernelDevice;
import dev.warpwright.testkit.ContractTest;
import dev.warpwright.testkit.KernelContract;
import java.util.List;

/** A contract on the first device of TornadoVM. */
public abstract class TornadoContractTest extends ContractTest {
  /** A test of {@code contract}. */
  protected TornadoContractTest(KernelContract contract) {
    super(contract);
  }

  @Override
  protected List<KernelDevice> devices() {
    return List.of(open("tornado", 1));
  }
}
