package dev.warpwright.tornado.sparse;

import dev.warpwright.testkit.GroupSparseMatmulContract;
import dev.warpwright.tornado.TornadoContractTest;

class GroupSparseMatmulTornadoContractTest extends TornadoContractTest {
  GroupSparseMatmulTornadoContractTest() {
    super(new GroupSparseMatmulContract());
  }
}
