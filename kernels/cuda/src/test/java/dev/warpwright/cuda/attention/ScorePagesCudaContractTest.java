package dev.warpwright.cuda.attention;

import dev.warpwright.cuda.CudaContractTest;
import dev.warpwright.testkit.ScorePagesContract;

class ScorePagesCudaContractTest extends CudaContractTest {
  ScorePagesCudaContractTest() {
    super(new ScorePagesContract());
  }
}
