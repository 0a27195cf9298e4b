package dev.warpwright.tornado.reduce;

import dev.warpwright.testkit.TreeReduceContract;
import dev.warpwright.tornado.TornadoContractTest;

class TreeReduceTornadoContractTest extends TornadoContractTest {
  TreeReduceTornadoContractTest() {
    super(new TreeReduceContract());
  }
}
