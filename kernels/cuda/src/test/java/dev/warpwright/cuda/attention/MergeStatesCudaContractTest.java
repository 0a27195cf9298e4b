package dev.warpwright.cuda.attention;

import dev.warpwright.cuda.CudaContractTest;
import dev.warpwright.testkit.MergeStatesContract;

class MergeStatesCudaContractTest extends CudaContractTest {
  MergeStatesCudaContractTest() {
    super(new MergeStatesContract());
  }
}
