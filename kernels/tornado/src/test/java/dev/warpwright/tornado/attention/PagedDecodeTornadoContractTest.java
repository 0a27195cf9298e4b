package dev.warpwright.tornado.attention;

import dev.warpwright.testkit.PagedDecodeContract;
import dev.warpwright.tornado.TornadoContractTest;

class PagedDecodeTornadoContractTest extends TornadoContractTest {
  PagedDecodeTornadoContractTest() {
    super(new PagedDecodeContract());
  }
}
