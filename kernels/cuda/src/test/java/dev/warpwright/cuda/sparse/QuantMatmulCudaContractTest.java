package dev.warpwright.cuda.sparse;

import dev.warpwright.cuda.CudaContractTest;
import dev.warpwright.testkit.QuantMatmulContract;

class QuantMatmulCudaContractTest extends CudaContractTest {
  QuantMatmulCudaContractTest() {
    super(new QuantMatmulContract());
  }
}
