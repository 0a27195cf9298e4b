package dev.warpwright.cuda.attention;

import dev.warpwright.cuda.CudaContractTest;
import dev.warpwright.testkit.GatherPagesContract;

class GatherPagesCudaContractTest extends CudaContractTest {
  GatherPagesCudaContractTest() {
    super(new GatherPagesContract());
  }
}
