package dev.warpwright.cuda.attention;

import dev.warpwright.cuda.CudaContractTest;
import dev.warpwright.testkit.ScatterPagesContract;

class ScatterPagesCudaContractTest extends CudaContractTest {
  ScatterPagesCudaContractTest() {
    super(new ScatterPagesContract());
  }
}
