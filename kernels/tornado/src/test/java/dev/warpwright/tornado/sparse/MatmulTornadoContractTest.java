package dev.warpwright.tornado.sparse;

import dev.warpwright.testkit.MatmulContract;
import dev.warpwright.tornado.TornadoContractTest;

class MatmulTornadoContractTest extends TornadoContractTest {
  MatmulTornadoContractTest() {
    super(new MatmulContract());
  }
}
