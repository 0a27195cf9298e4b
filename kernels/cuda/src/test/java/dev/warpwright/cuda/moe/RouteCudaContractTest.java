package dev.warpwright.cuda.moe;

import dev.warpwright.cuda.CudaContractTest;
import dev.warpwright.testkit.RouteContract;

class RouteCudaContractTest extends CudaContractTest {
  RouteCudaContractTest() {
    super(new RouteContract());
  }
}
