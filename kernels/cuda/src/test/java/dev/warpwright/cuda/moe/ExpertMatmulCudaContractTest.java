package dev.warpwright.cuda.moe;

import dev.warpwright.cuda.CudaContractTest;
import dev.warpwright.testkit.ExpertMatmulContract;

class ExpertMatmulCudaContractTest extends CudaContractTest {
  ExpertMatmulCudaContractTest() {
    super(new ExpertMatmulContract());
  }
}
