package dev.warpwright.tornado.attention;

import dev.warpwright.testkit.SelectTokensContract;
import dev.warpwright.tornado.TornadoContractTest;

class SelectTokensTornadoContractTest extends TornadoContractTest {
  SelectTokensTornadoContractTest() {
    super(new SelectTokensContract());
  }
}
