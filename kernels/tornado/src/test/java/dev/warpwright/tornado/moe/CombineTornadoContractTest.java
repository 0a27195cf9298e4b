package dev.warpwright.tornado.moe;

import dev.warpwright.testkit.CombineContract;
import dev.warpwright.tornado.TornadoContractTest;

class CombineTornadoContractTest extends TornadoContractTest {
  CombineTornadoContractTest() {
    super(new CombineContract());
  }
}
