package dev.warpwright.testkit.attention;

import dev.warpwright.testkit.AppendKvContract;
import dev.warpwright.testkit.ContractTest;

class AppendKvContractTest extends ContractTest {
  AppendKvContractTest() {
    super(new AppendKvContract());
  }
}
