package dev.warpwright.cuda.sparse;

import dev.warpwright.cuda.CudaContractTest;
import dev.warpwright.testkit.GroupSparseMatmulContract;

class GroupSparseMatmulCudaContractTest extends CudaContractTest {
  GroupSparseMatmulCudaContractTest() {
    super(new GroupSparseMatmulContract());
  }
}
