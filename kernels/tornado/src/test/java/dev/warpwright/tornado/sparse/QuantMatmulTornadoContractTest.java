package dev.warpwright.tornado.sparse;

import dev.warpwright.testkit.QuantMatmulContract;
import dev.warpwright.tornado.TornadoContractTest;

class QuantMatmulTornadoContractTest extends TornadoContractTest {
  QuantMatmulTornadoContractTest() {
    super(new QuantMatmulContract());
  }
}
