package dev.warpwright.cuda;

import dev.warpwright.cuda.runtime.CuBlas;
import dev.warpwright.cuda.runtime.CudaStream;
import dev.warpwright.kernels.DeviceException;
import dev.warpwright.kernels.ProviderUnavailableException;
import dev.warpwright.kernels.Resource;
import dev.warpwright.kernels.VendorLibrary;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * cuBLAS on one device, if it was asked for and is there.
 *
 * @param use what was asked for
 * @param library the library, or null
 * @param description what is said of it behind the name of the device
 */
record VendorBlas(VendorLibrary use, @Nullable CuBlas library, String description)
    implements Resource {
  /**
   * Opens it for the stream that all runs use.
   *
   * @throws ProviderUnavailableException if it is required and not there
   */
  static VendorBlas open(VendorLibrary use, CudaStream stream) {
    if (use == VendorLibrary.OFF) {
      return new VendorBlas(use, null, "");
    }
    String reason = CuBlas.unavailable();
    if (reason == null) {
      try {
        CuBlas library = CuBlas.open(stream);
        return new VendorBlas(use, library, ", F32 products by cuBLAS " + library.version());
      } catch (DeviceException e) {
        if (e.sticky()) {
          throw e;
        }
        reason = String.valueOf(e.getMessage());
      }
    }
    if (use == VendorLibrary.REQUIRED) {
      throw new ProviderUnavailableException(
          CudaProvider.ID, List.of("cuBLAS is required, but " + reason));
    }
    return new VendorBlas(use, null, ", no cuBLAS: " + reason);
  }

  @Override
  public void close() {
    Resources.close(library);
  }
}
