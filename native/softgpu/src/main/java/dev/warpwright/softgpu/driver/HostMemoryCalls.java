package dev.warpwright.softgpu.driver;

import dev.warpwright.softgpu.CudaResult;
import java.lang.foreign.MemorySegment;

/** Pinned host memory. Kernels cannot reach it: CAN_MAP_HOST_MEMORY is 0. */
final class HostMemoryCalls {
  private static final int ALLOC_FLAGS = 0x7;
  private static final int REGISTER_FLAGS = 0xf;

  private final Driver driver;

  HostMemoryCalls(Driver driver) {
    this.driver = driver;
  }

  @CudaEntry("cuMemHostAlloc")
  void hostAlloc(MemorySegment pointer, long bytes, int flags) {
    Context context = driver.context();
    driver.requireNoCapture();
    CudaFailure.require((flags & ~ALLOC_FLAGS) == 0 && bytes != 0);
    CudaFailure.require(bytes > 0, CudaResult.OUT_OF_MEMORY); // size_t: more than 2^63
    CMemory.at(pointer, Long.BYTES);
    try {
      CMemory.putLong(pointer, driver.hostMemory().allocate(context, bytes, flags));
    } catch (OutOfMemoryError e) {
      throw new CudaFailure(CudaResult.OUT_OF_MEMORY);
    }
  }

  @CudaEntry("cuMemAllocHost_v2")
  void allocHost(MemorySegment pointer, long bytes) {
    hostAlloc(pointer, bytes, 0);
  }

  /** Waits for all work of the context, as drivers do. */
  @CudaEntry("cuMemFreeHost")
  void freeHost(long address) {
    driver.requireNoCapture();
    driver.context().synchronise();
    driver.hostMemory().free(address);
  }

  @CudaEntry("cuMemHostRegister_v2")
  void hostRegister(long address, long bytes, int flags) {
    Context context = driver.context();
    CudaFailure.require(address != 0 && bytes > 0 && (flags & ~REGISTER_FLAGS) == 0);
    driver.hostMemory().register(context, address, bytes, flags);
  }

  @CudaEntry("cuMemHostUnregister")
  void hostUnregister(long address) {
    driver.context();
    CudaFailure.require(address != 0);
    driver.hostMemory().unregister(address);
  }

  @CudaEntry("cuMemHostGetFlags")
  void hostGetFlags(MemorySegment flags, long address) {
    driver.context();
    CMemory.putInt(flags, driver.hostMemory().flags(address));
  }
}
