package dev.warpwright.cuda.attention;

import dev.warpwright.cuda.CudaContractTest;
import dev.warpwright.testkit.WindowScoresContract;

class WindowScoresCudaContractTest extends CudaContractTest {
  WindowScoresCudaContractTest() {
    super(new WindowScoresContract());
  }
}
