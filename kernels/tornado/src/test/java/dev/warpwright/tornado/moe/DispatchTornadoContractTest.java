package dev.warpwright.tornado.moe;

import dev.warpwright.testkit.DispatchContract;
import dev.warpwright.tornado.TornadoContractTest;

class DispatchTornadoContractTest extends TornadoContractTest {
  DispatchTornadoContractTest() {
    super(new DispatchContract());
  }
}
