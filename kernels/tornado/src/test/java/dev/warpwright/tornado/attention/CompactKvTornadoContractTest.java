package dev.warpwright.tornado.attention;

import dev.warpwright.testkit.CompactKvContract;
import dev.warpwright.tornado.TornadoContractTest;

class CompactKvTornadoContractTest extends TornadoContractTest {
  CompactKvTornadoContractTest() {
    super(new CompactKvContract());
  }
}
