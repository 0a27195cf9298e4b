package dev.warpwright.cuda.attention;

import dev.warpwright.cuda.CudaContractTest;
import dev.warpwright.testkit.RmsNormContract;

class RmsNormCudaContractTest extends CudaContractTest {
  RmsNormCudaContractTest() {
    super(new RmsNormContract());
  }
}
