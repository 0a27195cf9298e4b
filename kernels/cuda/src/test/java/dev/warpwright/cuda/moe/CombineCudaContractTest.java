package dev.warpwright.cuda.moe;

import dev.warpwright.cuda.CudaContractTest;
import dev.warpwright.testkit.CombineContract;

class CombineCudaContractTest extends CudaContractTest {
  CombineCudaContractTest() {
    super(new CombineContract());
  }
}
