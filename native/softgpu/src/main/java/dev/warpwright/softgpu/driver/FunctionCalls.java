package dev.warpwright.softgpu.driver;

import dev.warpwright.softgpu.CudaResult;
import dev.warpwright.softgpu.driver.LoadedModule.Function;
import dev.warpwright.softgpu.sim.DeviceProfile;
import java.lang.foreign.MemorySegment;

/** Attributes and occupancy of kernels. */
final class FunctionCalls {
  private static final int MAX_DYNAMIC_SHARED = 8;
  private static final int SHARED_CARVEOUT = 9;

  private final Driver driver;

  FunctionCalls(Driver driver) {
    this.driver = driver;
  }

  @CudaEntry("cuFuncGetAttribute")
  void getAttribute(MemorySegment value, int attribute, long handle) {
    Function function = function(handle);
    DeviceProfile profile = function.module().context().device().profile();
    CMemory.putInt(
        value,
        switch (attribute) {
          case 0 -> function.entry().maxThreads(); // MAX_THREADS_PER_BLOCK
          case 1 -> function.entry().staticShared(); // SHARED_SIZE_BYTES
          case 2 -> 0; // CONST_SIZE_BYTES
          case 3 -> function.entry().localBytes(); // LOCAL_SIZE_BYTES
          case 4 -> Occupancy.ASSUMED_REGISTERS; // NUM_REGS
          case 5, 6 -> profile.architecture(); // PTX_VERSION, BINARY_VERSION
          case 7 -> 0; // CACHE_MODE_CA
          case MAX_DYNAMIC_SHARED -> function.maxDynamicShared;
          case SHARED_CARVEOUT -> function.carveout;
          default -> throw new CudaFailure(CudaResult.INVALID_VALUE);
        });
  }

  @CudaEntry("cuFuncSetAttribute")
  void setAttribute(long handle, int attribute, int value) {
    Function function = function(handle);
    DeviceProfile profile = function.module().context().device().profile();
    switch (attribute) {
      case MAX_DYNAMIC_SHARED -> {
        int most = profile.sharedPerBlockOptin() - function.entry().staticShared();
        CudaFailure.require(value >= 0 && value <= most);
        function.maxDynamicShared = value;
      }
      case SHARED_CARVEOUT -> {
        CudaFailure.require(value >= -1 && value <= 100);
        function.carveout = value;
      }
      default -> throw new CudaFailure(CudaResult.INVALID_VALUE);
    }
  }

  @CudaEntry("cuFuncGetModule")
  void getModule(MemorySegment module, long handle) {
    CMemory.putLong(module, function(handle).module().handle());
  }

  @CudaEntry("cuFuncSetCacheConfig")
  void setCacheConfig(long handle, int config) {
    function(handle);
    CudaFailure.require(config >= 0 && config <= 3);
  }

  @CudaEntry("cuOccupancyMaxActiveBlocksPerMultiprocessor")
  void maxActiveBlocks(MemorySegment blocks, long handle, int threads, long dynamicShared) {
    maxActiveBlocksWithFlags(blocks, handle, threads, dynamicShared, 0);
  }

  @CudaEntry("cuOccupancyMaxActiveBlocksPerMultiprocessorWithFlags")
  void maxActiveBlocksWithFlags(
      MemorySegment blocks, long handle, int threads, long dynamicShared, int flags) {
    Function function = function(handle);
    CudaFailure.require(threads > 0 && dynamicShared >= 0 && (flags & ~1) == 0);
    CMemory.putInt(blocks, Occupancy.blocks(function, threads, dynamicShared));
  }

  @CudaEntry("cuOccupancyAvailableDynamicSMemPerBlock")
  void availableDynamicShared(MemorySegment bytes, long handle, int blocks, int threads) {
    Function function = function(handle);
    CudaFailure.require(blocks > 0 && threads > 0);
    CMemory.putLong(bytes, Occupancy.availableShared(function, blocks, threads));
  }

  private Function function(long handle) {
    driver.context();
    return driver.handles().get(handle, Function.class);
  }
}
