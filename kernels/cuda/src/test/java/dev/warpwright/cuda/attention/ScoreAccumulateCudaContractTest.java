package dev.warpwright.cuda.attention;

import dev.warpwright.cuda.CudaContractTest;
import dev.warpwright.testkit.ScoreAccumulateContract;

class ScoreAccumulateCudaContractTest extends CudaContractTest {
  ScoreAccumulateCudaContractTest() {
    super(new ScoreAccumulateContract());
  }
}
