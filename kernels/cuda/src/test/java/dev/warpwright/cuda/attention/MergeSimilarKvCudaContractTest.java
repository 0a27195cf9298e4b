package dev.warpwright.cuda.attention;

import dev.warpwright.cuda.CudaContractTest;
import dev.warpwright.testkit.MergeSimilarKvContract;

class MergeSimilarKvCudaContractTest extends CudaContractTest {
  MergeSimilarKvCudaContractTest() {
    super(new MergeSimilarKvContract());
  }
}
