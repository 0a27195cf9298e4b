package dev.warpwright.tornado;

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

/** One kernel family of a TornadoVM device: says what it offers and makes plans. */
public abstract class TornadoFamily {
  private static final Map<KernelId, Cell> BUILT = built();

  private static Map<KernelId, Cell> built() {
    Map<KernelId, Cell> built = new EnumMap<>(KernelId.class);
    KernelCatalogue.read()
        .forEach(
            (kernel, parts) ->
                built.put(kernel, Checks.notNull("tornado", parts.get(Part.TORNADO))));
    return built;
  }

  private final TornadoKernelDevice device;

  /** A family of {@code device}. */
  protected TornadoFamily(TornadoKernelDevice device) {
    this.device = device;
  }

  /** The device. */
  protected final TornadoKernelDevice device() {
    return device;
  }

  /** Whether a plan can be made for {@code spec}, or why not. */
  public final Support support(KernelSpec spec) {
    Cell cell = Checks.notNull("kernel", BUILT.get(spec.kernel()));
    return cell.built() ? offers(spec) : Support.no(cell.note());
  }

  /** Which options of a kernel that is built are offered, or why not. */
  protected abstract Support offers(KernelSpec spec);

  /** Yes if an array of this many elements can be made: TornadoVM counts them in an int. */
  protected static Support fits(String what, long first, long second) {
    return first <= Program.MOST_ELEMENTS / Math.max(second, 1)
        ? Support.yes()
        : Support.no(
            what
                + " of "
                + first
                + " times "
                + second
                + " elements: a TornadoVM array has at most "
                + Program.MOST_ELEMENTS);
  }

  /** Refuses a spec that is not offered, and a closed device. */
  protected final void require(KernelSpec spec) {
    device.requireOpen();
    if (!support(spec).supported()) {
      throw unsupported(spec);
    }
  }

  /** What is thrown for a spec that is not offered. */
  protected final UnsupportedKernelException unsupported(KernelSpec spec) {
    return new UnsupportedKernelException(device.place(), spec.kernel(), support(spec).reason());
  }
}
