package dev.warpwright.tornado.moe;

import dev.warpwright.testkit.ExpertMatmulContract;
import dev.warpwright.tornado.TornadoContractTest;

class ExpertMatmulTornadoContractTest extends TornadoContractTest {
  ExpertMatmulTornadoContractTest() {
    super(new ExpertMatmulContract());
  }
}
