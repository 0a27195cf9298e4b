package dev.warpwright.cuda.attention;

import dev.warpwright.cuda.CudaContractTest;
import dev.warpwright.testkit.RerotateKeysContract;

class RerotateKeysCudaContractTest extends CudaContractTest {
  RerotateKeysCudaContractTest() {
    super(new RerotateKeysContract());
  }
}
