package dev.warpwright.tornado.attention;

import dev.warpwright.testkit.GatherPagesContract;
import dev.warpwright.tornado.TornadoContractTest;

class GatherPagesTornadoContractTest extends TornadoContractTest {
  GatherPagesTornadoContractTest() {
    super(new GatherPagesContract());
  }
}
