package dev.warpwright.cuda.runtime;

import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;
import jcuda.Pointer;
import jcuda.driver.CUfunction;
import jcuda.driver.CUjit_option;
import jcuda.driver.CUmodule;
import jcuda.driver.CUresult;
import jcuda.driver.JCudaDriver;

/** Kernels loaded on a device. It lives as long as the device is open. */
public final class CudaModule {
  private static final int LOG_BYTES = 16 << 10;

  private final CudaDevice device;
  private final String name;
  private final CUmodule module;
  private final ConcurrentMap<String, CudaFunction> functions = new ConcurrentHashMap<>();

  private CudaModule(CudaDevice device, String name, CUmodule module) {
    this.device = device;
    this.name = name;
    this.module = module;
  }

  static CudaModule load(CudaDevice device, KernelImages images) {
    Optional<byte[]> machineCode = images.machineCode();
    if (machineCode.isPresent()) {
      try {
        return load(device, images.key(), machineCode.get());
      } catch (ModuleException e) {
        if (!e.code().equals(Results.name(CUresult.CUDA_ERROR_NO_BINARY_FOR_GPU))) {
          throw e;
        }
        // Not a device of this release: the driver compiles the PTX for it.
      }
    }
    return load(device, images.key(), images.ptx(device));
  }

  private static CudaModule load(CudaDevice device, String name, byte[] code) {
    CUmodule module = new CUmodule();
    ByteBuffer image = NativeText.terminated(code);
    ByteBuffer log = ByteBuffer.allocateDirect(LOG_BYTES);
    int[] options = {
      CUjit_option.CU_JIT_ERROR_LOG_BUFFER, CUjit_option.CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES
    };
    // An array of pointers to which the driver writes as well: the second value is a number.
    ByteBuffer values = ByteBuffer.allocateDirect(2 * Long.BYTES).order(ByteOrder.nativeOrder());
    values.putLong(0, MemorySegment.ofBuffer(log).address());
    values.putLong(Long.BYTES, LOG_BYTES);
    CudaModuleLoadEvent event = new CudaModuleLoadEvent();
    event.module = name;
    event.device = device.ordinal();
    event.bytes = image.capacity();
    event.begin();
    int result =
        JCudaDriver.cuModuleLoadDataEx(
            module, Pointer.to(image), options.length, options, Pointer.to(values));
    event.commit();
    if (result == CUresult.CUDA_SUCCESS) {
      return new CudaModule(device, name, module);
    }
    if (Results.losesDevice(result)) {
      device.check(result, "cuModuleLoadDataEx");
    }
    throw new ModuleException(
        Results.name(result), "cuModuleLoadDataEx", detail(result, name, log));
  }

  private static String detail(int result, String name, ByteBuffer log) {
    return switch (result) {
      case CUresult.CUDA_ERROR_UNSUPPORTED_PTX_VERSION ->
          name
              + " was compiled by a newer CUDA than the driver's "
              + CudaDriver.version()
              + ": update the driver";
      case CUresult.CUDA_ERROR_NO_BINARY_FOR_GPU ->
          name + " has no code for this device. " + NativeText.of(log);
      default -> name + ": " + NativeText.of(log);
    };
  }

  /**
   * A kernel by name.
   *
   * @throws dev.warpwright.kernels.DeviceException with CUDA_ERROR_NOT_FOUND if there is none
   */
  public CudaFunction function(String kernel) {
    return functions.computeIfAbsent(kernel, this::find);
  }

  private CudaFunction find(String kernel) {
    device.makeCurrent();
    CUfunction function = new CUfunction();
    device.check(
        JCudaDriver.cuModuleGetFunction(function, module, kernel), "cuModuleGetFunction", kernel);
    return new CudaFunction(device, kernel, function);
  }

  @Override
  public String toString() {
    return name + " on " + device;
  }
}
