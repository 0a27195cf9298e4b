package dev.warpwright.tornado.attention;

import dev.warpwright.testkit.PageBoundsContract;
import dev.warpwright.tornado.TornadoContractTest;

class PageBoundsTornadoContractTest extends TornadoContractTest {
  PageBoundsTornadoContractTest() {
    super(new PageBoundsContract());
  }
}
