package dev.warpwright.cuda.attention;

import dev.warpwright.cuda.CudaContractTest;
import dev.warpwright.testkit.AppendKvContract;

class AppendKvCudaContractTest extends CudaContractTest {
  AppendKvCudaContractTest() {
    super(new AppendKvContract());
  }
}
