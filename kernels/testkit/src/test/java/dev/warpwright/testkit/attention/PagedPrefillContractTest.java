package dev.warpwright.testkit.attention;

import dev.warpwright.testkit.ContractTest;
import dev.warpwright.testkit.PagedPrefillContract;

class PagedPrefillContractTest extends ContractTest {
  PagedPrefillContractTest() {
    super(new PagedPrefillContract());
  }
}
