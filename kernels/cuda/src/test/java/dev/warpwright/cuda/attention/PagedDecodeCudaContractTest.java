package dev.warpwright.cuda.attention;

import dev.warpwright.cuda.CudaContractTest;
import dev.warpwright.testkit.PagedDecodeContract;

class PagedDecodeCudaContractTest extends CudaContractTest {
  PagedDecodeCudaContractTest() {
    super(new PagedDecodeContract());
  }
}
