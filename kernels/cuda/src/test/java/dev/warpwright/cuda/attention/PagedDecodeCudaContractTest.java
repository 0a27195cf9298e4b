package dev.warpwright.cuda.attention;

import dev.warpwright.cuda.CudaContractTest;
import dev.warpwright.testkit.PagedDecodeContract;
import java.util.Set;

class PagedDecodeCudaContractTest extends CudaContractTest {
  PagedDecodeCudaContractTest() {
    super(new PagedDecodeContract());
  }

  @Override
  protected Set<String> lacking() {
    return Set.of("not built yet: ALiBi", "not built yet: sink logits", "not built yet: scores");
  }
}
