package dev.warpwright.testkit.attention;

import dev.warpwright.testkit.ContractTest;
import dev.warpwright.testkit.PagedDecodeContract;

class PagedDecodeContractTest extends ContractTest {
  PagedDecodeContractTest() {
    super(new PagedDecodeContract());
  }
}
