package dev.warpwright.tornado.attention;

import dev.warpwright.testkit.WindowScoresContract;
import dev.warpwright.tornado.TornadoContractTest;

class WindowScoresTornadoContractTest extends TornadoContractTest {
  WindowScoresTornadoContractTest() {
    super(new WindowScoresContract());
  }
}
