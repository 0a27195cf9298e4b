package dev.warpwright.cuda.attention;

import dev.warpwright.cuda.CudaContractTest;
import dev.warpwright.testkit.CompactKvContract;

class CompactKvCudaContractTest extends CudaContractTest {
  CompactKvCudaContractTest() {
    super(new CompactKvContract());
  }
}
