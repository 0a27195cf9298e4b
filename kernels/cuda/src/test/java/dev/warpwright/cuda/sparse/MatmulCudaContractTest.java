package dev.warpwright.cuda.sparse;

import dev.warpwright.cuda.CudaContractTest;
import dev.warpwright.testkit.MatmulContract;

class MatmulCudaContractTest extends CudaContractTest {
  MatmulCudaContractTest() {
    super(new MatmulContract());
  }
}
