package dev.warpwright.tornado.attention;

import dev.warpwright.testkit.RerotateKeysContract;
import dev.warpwright.tornado.TornadoContractTest;

class RerotateKeysTornadoContractTest extends TornadoContractTest {
  RerotateKeysTornadoContractTest() {
    super(new RerotateKeysContract());
  }
}
