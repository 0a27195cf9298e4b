package dev.warpwright.tornado.attention;

import dev.warpwright.testkit.MergeStatesContract;
import dev.warpwright.tornado.TornadoContractTest;

class MergeStatesTornadoContractTest extends TornadoContractTest {
  MergeStatesTornadoContractTest() {
    super(new MergeStatesContract());
  }
}
