package dev.warpwright.tornado.attention;

import dev.warpwright.testkit.AppendKvContract;
import dev.warpwright.tornado.TornadoContractTest;

class AppendKvTornadoContractTest extends TornadoContractTest {
  AppendKvTornadoContractTest() {
    super(new AppendKvContract());
  }
}
