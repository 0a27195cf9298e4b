package dev.warpwright.tornado.attention;

import dev.warpwright.testkit.ScatterPagesContract;
import dev.warpwright.tornado.TornadoContractTest;

class ScatterPagesTornadoContractTest extends TornadoContractTest {
  ScatterPagesTornadoContractTest() {
    super(new ScatterPagesContract());
  }
}
