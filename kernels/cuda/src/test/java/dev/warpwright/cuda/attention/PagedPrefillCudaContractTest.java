package dev.warpwright.cuda.attention;

import dev.warpwright.cuda.CudaContractTest;
import dev.warpwright.testkit.PagedPrefillContract;

class PagedPrefillCudaContractTest extends CudaContractTest {
  PagedPrefillCudaContractTest() {
    super(new PagedPrefillContract());
  }
}
