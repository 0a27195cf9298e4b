package dev.warpwright.tornado.attention;

import dev.warpwright.testkit.PagedPrefillContract;
import dev.warpwright.tornado.TornadoContractTest;

class PagedPrefillTornadoContractTest extends TornadoContractTest {
  PagedPrefillTornadoContractTest() {
    super(new PagedPrefillContract());
  }
}
