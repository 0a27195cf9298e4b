package dev.warpwright.cuda.moe;

import dev.warpwright.cuda.CudaContractTest;
import dev.warpwright.testkit.DispatchContract;

class DispatchCudaContractTest extends CudaContractTest {
  DispatchCudaContractTest() {
    super(new DispatchContract());
  }
}
