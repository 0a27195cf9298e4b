package dev.warpwright.testkit.attention;

import dev.warpwright.testkit.ContractTest;
import dev.warpwright.testkit.RmsNormContract;

class RmsNormContractTest extends ContractTest {
  RmsNormContractTest() {
    super(new RmsNormContract());
  }
}
