package dev.warpwright.cuda.sparse;

import dev.warpwright.cuda.CudaContractTest;
import dev.warpwright.cuda.CudaProvider;
import dev.warpwright.kernels.KernelDevice;
import dev.warpwright.kernels.OpenOptions;
import dev.warpwright.kernels.VendorLibrary;
import dev.warpwright.testkit.MatmulContract;
import java.util.List;
import java.util.Set;

/** Required, so that no case can pass by our own kernel. */
class MatmulCuBlasContractTest extends CudaContractTest {
  MatmulCuBlasContractTest() {
    super(new MatmulContract());
  }

  @Override
  protected List<KernelDevice> devices() {
    return List.of(
        new CudaProvider().open(OpenOptions.defaults().withVendorLibrary(VendorLibrary.REQUIRED)));
  }

  @Override
  protected Set<String> lacking() {
    return Set.of(MatmulCuBlas.F32_ONLY);
  }
}
