package dev.warpwright.cuda.attention;

import dev.warpwright.cuda.CudaContractTest;
import dev.warpwright.testkit.PageBoundsContract;

class PageBoundsCudaContractTest extends CudaContractTest {
  PageBoundsCudaContractTest() {
    super(new PageBoundsContract());
  }
}
