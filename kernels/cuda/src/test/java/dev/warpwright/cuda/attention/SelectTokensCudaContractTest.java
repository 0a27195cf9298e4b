package dev.warpwright.cuda.attention;

import dev.warpwright.cuda.CudaContractTest;
import dev.warpwright.testkit.SelectTokensContract;

class SelectTokensCudaContractTest extends CudaContractTest {
  SelectTokensCudaContractTest() {
    super(new SelectTokensContract());
  }
}
