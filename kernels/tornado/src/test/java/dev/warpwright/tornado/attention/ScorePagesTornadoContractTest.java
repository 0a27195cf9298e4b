package dev.warpwright.tornado.attention;

import dev.warpwright.testkit.ScorePagesContract;
import dev.warpwright.tornado.TornadoContractTest;

class ScorePagesTornadoContractTest extends TornadoContractTest {
  ScorePagesTornadoContractTest() {
    super(new ScorePagesContract());
  }
}
