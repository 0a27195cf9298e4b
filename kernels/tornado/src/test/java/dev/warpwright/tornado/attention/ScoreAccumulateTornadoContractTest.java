package dev.warpwright.tornado.attention;

import dev.warpwright.testkit.ScoreAccumulateContract;
import dev.warpwright.tornado.TornadoContractTest;

class ScoreAccumulateTornadoContractTest extends TornadoContractTest {
  ScoreAccumulateTornadoContractTest() {
    super(new ScoreAccumulateContract());
  }
}
