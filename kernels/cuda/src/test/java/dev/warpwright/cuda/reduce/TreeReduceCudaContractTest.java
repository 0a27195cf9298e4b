package dev.warpwright.cuda.reduce;

import dev.warpwright.cuda.CudaContractTest;
import dev.warpwright.testkit.TreeReduceContract;

class TreeReduceCudaContractTest extends CudaContractTest {
  TreeReduceCudaContractTest() {
    super(new TreeReduceContract());
  }
}
