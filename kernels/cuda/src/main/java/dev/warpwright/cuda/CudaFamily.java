package dev.warpwright.cuda;

import dev.warpwright.kernels.Checks;
import dev.warpwright.kernels.KernelCatalogue;
import dev.warpwright.kernels.KernelCatalogue.Cell;
import dev.warpwright.kernels.KernelCatalogue.Part;
import dev.warpwright.kernels.KernelId;
import dev.warpwright.kernels.KernelSpec;
import dev.warpwright.kernels.Support;
import dev.warpwright.kernels.UnsupportedKernelException;
import java.util.EnumMap;
import java.util.Map;

/** One kernel family of a CUDA device: says what it offers and makes plans. */
public abstract class CudaFamily {
  private static final Map<KernelId, Cell> BUILT = built();

  private static Map<KernelId, Cell> built() {
    Map<KernelId, Cell> built = new EnumMap<>(KernelId.class);
    KernelCatalogue.read()
        .forEach(
            (kernel, parts) -> built.put(kernel, Checks.notNull("cuda", parts.get(Part.CUDA))));
    return built;
  }

  private final CudaKernelDevice device;

  /** A family of {@code device}. */
  protected CudaFamily(CudaKernelDevice device) {
    this.device = device;
  }

  /** The device. */
  protected final CudaKernelDevice device() {
    return device;
  }

  /** Whether a plan can be made for {@code spec}, or why not. */
  public final Support support(KernelSpec spec) {
    Cell cell = Checks.notNull("kernel", BUILT.get(spec.kernel()));
    return cell.built() ? offers(spec) : Support.no(cell.note());
  }

  /** Which options of a kernel that is built are offered, or why not. */
  protected abstract Support offers(KernelSpec spec);

  /** Whether blocks of threads can have so much shared memory on this device. */
  protected final Support hasShared(int bytes) {
    int most = device.limits().sharedPerBlock();
    return bytes <= most
        ? Support.yes()
        : Support.no(
            "it takes "
                + bytes
                + " bytes of shared memory in a block of threads, this device has "
                + most);
  }

  /** Refuses a spec that is not offered, and a closed device. */
  protected final void require(KernelSpec spec) {
    device.requireOpen();
    Support support = support(spec);
    if (!support.supported()) {
      throw new UnsupportedKernelException(device.place(), spec.kernel(), support.reason());
    }
  }
}
