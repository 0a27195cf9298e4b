package dev.warpwright.tornado.moe;

import dev.warpwright.testkit.RouteContract;
import dev.warpwright.tornado.TornadoContractTest;

class RouteTornadoContractTest extends TornadoContractTest {
  RouteTornadoContractTest() {
    super(new RouteContract());
  }
}
