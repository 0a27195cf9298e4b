package dev.warpwright.tornado.attention;

import dev.warpwright.testkit.MergeSimilarKvContract;
import dev.warpwright.tornado.TornadoContractTest;

class MergeSimilarKvTornadoContractTest extends TornadoContractTest {
  MergeSimilarKvTornadoContractTest() {
    super(new MergeSimilarKvContract());
  }
}
