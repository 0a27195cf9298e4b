package dev.warpwright.tornado.attention;

import dev.warpwright.testkit.RmsNormContract;
import dev.warpwright.tornado.TornadoContractTest;

class RmsNormTornadoContractTest extends TornadoContractTest {
  RmsNormTornadoContractTest() {
    super(new RmsNormContract());
  }
}
