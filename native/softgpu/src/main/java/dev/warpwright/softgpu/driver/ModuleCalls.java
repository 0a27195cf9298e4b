package dev.warpwright.softgpu.driver;

import dev.warpwright.softgpu.CudaResult;
import dev.warpwright.softgpu.sim.Allocation;
import dev.warpwright.softgpu.sim.PtxException;
import dev.warpwright.softgpu.sim.PtxModule;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;

/** Modules from PTX text. Machine code is refused: there is no image for this device in it. */
final class ModuleCalls {
  private static final int ELF_MAGIC = 0x464c457f;
  private static final int FATBIN_MAGIC = 0xba55ed50;
  private static final int EAGER_LOADING = 1;

  private final Driver driver;

  ModuleCalls(Driver driver) {
    this.driver = driver;
  }

  @CudaEntry("cuModuleLoad")
  void load(MemorySegment module, MemorySegment file) {
    Context context = driver.context();
    String name = CMemory.text(file);
    try {
      put(module, load(context, name, Files.readString(Path.of(name)), noOptions()));
    } catch (IOException e) {
      throw new CudaFailure(CudaResult.FILE_NOT_FOUND);
    }
  }

  @CudaEntry("cuModuleLoadData")
  void loadData(MemorySegment module, MemorySegment image) {
    put(module, load(driver.context(), image, noOptions()));
  }

  @CudaEntry("cuModuleLoadDataEx")
  void loadDataEx(
      MemorySegment module,
      MemorySegment image,
      int optionCount,
      MemorySegment options,
      MemorySegment values) {
    Context context = driver.context();
    put(module, load(context, image, JitOptions.read(optionCount, options, values)));
  }

  @CudaEntry("cuModuleLoadFatBinary")
  void loadFatBinary(MemorySegment module, MemorySegment image) {
    driver.context();
    CMemory.at(image, 1);
    throw new CudaFailure(CudaResult.NO_BINARY_FOR_GPU);
  }

  @CudaEntry("cuModuleUnload")
  void unload(long handle) {
    Context context = driver.context();
    driver.requireNoCapture();
    LoadedModule module = module(handle);
    context.synchronise();
    module.context().modules().remove(module);
    module.unload();
  }

  @CudaEntry("cuModuleGetFunction")
  void getFunction(MemorySegment function, long module, MemorySegment name) {
    driver.context();
    Long found = module(module).function(CMemory.text(name));
    if (found == null) {
      throw new CudaFailure(CudaResult.NOT_FOUND);
    }
    CMemory.putLong(function, found);
  }

  @CudaEntry("cuModuleGetGlobal_v2")
  void getGlobal(MemorySegment address, MemorySegment bytes, long module, MemorySegment name) {
    driver.context();
    Allocation found = module(module).ptx().global(CMemory.text(name));
    if (found == null) {
      throw new CudaFailure(CudaResult.NOT_FOUND);
    }
    CMemory.putLongIfWanted(address, found.address());
    CMemory.putLongIfWanted(bytes, found.bytes());
  }

  @CudaEntry("cuModuleGetLoadingMode")
  void getLoadingMode(MemorySegment mode) {
    CMemory.putInt(mode, EAGER_LOADING);
  }

  private LoadedModule module(long handle) {
    return driver.handles().get(handle, LoadedModule.class);
  }

  private static JitOptions noOptions() {
    return JitOptions.read(0, MemorySegment.NULL, MemorySegment.NULL);
  }

  private static void put(MemorySegment pointer, LoadedModule module) {
    CMemory.putLong(pointer, module.handle());
  }

  private LoadedModule load(Context context, MemorySegment image, JitOptions options) {
    int magic = CMemory.getInt(image, 0);
    if (magic == ELF_MAGIC || magic == FATBIN_MAGIC) {
      options.error(
          "This is a " + (magic == ELF_MAGIC ? "cubin" : "fatbin") + ": the software GPU runs PTX");
      throw new CudaFailure(CudaResult.NO_BINARY_FOR_GPU);
    }
    return load(
        context, "module at " + CallSite.label("cuModuleLoadData"), CMemory.text(image), options);
  }

  private LoadedModule load(Context context, String name, String text, JitOptions options) {
    PtxHeader header = PtxHeader.read(text);
    CudaFailure.require(
        header.version() <= PtxHeader.newestVersion(driver.options().driverVersion()),
        CudaResult.UNSUPPORTED_PTX_VERSION);
    try {
      Device device = context.device();
      PtxModule ptx = PtxModule.load(name, text, device.profile(), device.memory());
      LoadedModule module = new LoadedModule(context, ptx, driver.handles());
      context.modules().add(module);
      return module;
    } catch (PtxException e) {
      options.error(String.valueOf(e.getMessage()));
      throw new CudaFailure(CudaResult.INVALID_PTX);
    }
  }
}
