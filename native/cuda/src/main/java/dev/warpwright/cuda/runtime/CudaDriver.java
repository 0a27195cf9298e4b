package dev.warpwright.cuda.runtime;

import dev.warpwright.kernels.Probe;
import dev.warpwright.kernels.ProviderUnavailableException;
import java.util.ArrayList;
import java.util.List;
import jcuda.driver.CUdevice;
import jcuda.driver.CUdevice_attribute;
import jcuda.driver.CUresult;
import jcuda.driver.JCudaDriver;
import org.jspecify.annotations.Nullable;

/** Whether CUDA can be used in this JVM, and if not, why and what to do about it. */
public final class CudaDriver {
  private static final int NAME_BYTES = 256;

  private CudaDriver() {}

  /**
   * Loads JCuda once. The first touch of a class that cannot be initialised throws another error
   * than all later ones, and only the first says why.
   */
  private static final class Loading {
    static final @Nullable String FAILURE = load();

    private static @Nullable String load() {
      try {
        JCudaDriver.cuDriverGetVersion(new int[1]);
        return null;
      } catch (LinkageError e) {
        return reason(e);
      }
    }
  }

  static String reason(LinkageError e) {
    String message = String.valueOf(e.getMessage());
    if (message.contains("libcuda.so") || message.contains("nvcuda.dll")) {
      return "no CUDA driver is installed: libcuda.so.1 (nvcuda.dll on Windows) was not found."
          + " Install NVIDIA's driver; in a container, start it with the GPUs (--gpus all)";
    }
    return "JCuda has no native library that works on "
        + System.getProperty("os.name")
        + " "
        + System.getProperty("os.arch")
        + ", or it could not be unpacked to java.io.tmpdir: "
        + message.lines().findFirst().orElse("");
  }

  /** The devices of this machine by ordinal, or why there are none. */
  public static Probe probe() {
    if (Loading.FAILURE != null) {
      return Probe.unavailable(List.of(Loading.FAILURE));
    }
    int result = JCudaDriver.cuInit(0);
    if (result != CUresult.CUDA_SUCCESS) {
      return Probe.unavailable(List.of(reason(result)));
    }
    int[] count = new int[1];
    JCudaDriver.cuDeviceGetCount(count);
    List<String> names = new ArrayList<>();
    for (int i = 0; i < count[0]; i++) {
      names.add(name(i));
    }
    return Probe.available(names, List.of());
  }

  private static String reason(int result) {
    return switch (result) {
      case CUresult.CUDA_ERROR_NO_DEVICE ->
          "the CUDA driver finds no device: look at nvidia-smi, CUDA_VISIBLE_DEVICES and, in a"
              + " container, at its GPU options";
      case CUresult.CUDA_ERROR_SYSTEM_DRIVER_MISMATCH ->
          "libcuda.so.1 and the kernel module are of different versions: reboot, or mount the"
              + " library of the host into the container";
      default -> "the CUDA driver does not start: " + CUresult.stringFor(result);
    };
  }

  private static String name(int ordinal) {
    CUdevice device = new CUdevice();
    byte[] name = new byte[NAME_BYTES];
    if (JCudaDriver.cuDeviceGet(device, ordinal) != CUresult.CUDA_SUCCESS
        || JCudaDriver.cuDeviceGetName(name, NAME_BYTES, device) != CUresult.CUDA_SUCCESS) {
      return "device " + ordinal;
    }
    return NativeText.of(name);
  }

  /** The newest CUDA that the driver supports, as {@code 13.0}. */
  public static String version() {
    int version = versionNumber();
    return version / 1000 + "." + version % 1000 / 10;
  }

  /** The same as {@code 1000 * major + 10 * minor}. */
  public static int versionNumber() {
    requireDevice(0);
    int[] version = new int[1];
    JCudaDriver.cuDriverGetVersion(version);
    return version[0];
  }

  /** Compute capability of a device, 90 for 9.0. */
  public static int architecture(int ordinal) {
    requireDevice(ordinal);
    CUdevice device = new CUdevice();
    int[] major = new int[1];
    int[] minor = new int[1];
    JCudaDriver.cuDeviceGet(device, ordinal);
    JCudaDriver.cuDeviceGetAttribute(
        major, CUdevice_attribute.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR, device);
    JCudaDriver.cuDeviceGetAttribute(
        minor, CUdevice_attribute.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR, device);
    return 10 * major[0] + minor[0];
  }

  /** Throws with all reasons unless the device is there. */
  static void requireDevice(int ordinal) {
    Probe probe = probe();
    if (!probe.isAvailable()) {
      throw new ProviderUnavailableException("cuda", probe.reasons());
    }
    if (ordinal < 0 || ordinal >= probe.devices().size()) {
      throw new ProviderUnavailableException(
          "cuda",
          List.of("there is no device " + ordinal + ", the machine has " + probe.devices().size()));
    }
  }
}
