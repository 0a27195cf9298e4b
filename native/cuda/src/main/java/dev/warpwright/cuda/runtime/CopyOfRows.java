package dev.warpwright.cuda.runtime;

import java.lang.foreign.MemorySegment;
import jcuda.driver.CUDA_MEMCPY2D;
import jcuda.driver.CUmemorytype;

/** Fills the driver's description of a two-dimensional copy. */
final class CopyOfRows {
  private CopyOfRows() {}

  static CUDA_MEMCPY2D of(Rows to, Rows from) {
    to.requireSameSize(from);
    CUDA_MEMCPY2D copy = new CUDA_MEMCPY2D();
    copy.WidthInBytes = to.width();
    copy.Height = to.height();
    copy.dstPitch = to.pitch();
    copy.srcPitch = from.pitch();
    return copy;
  }

  static void toDevice(CUDA_MEMCPY2D copy, long address) {
    copy.dstMemoryType = CUmemorytype.CU_MEMORYTYPE_DEVICE;
    copy.dstDevice = NativePointers.device(address);
  }

  static void toHost(CUDA_MEMCPY2D copy, MemorySegment host) {
    copy.dstMemoryType = CUmemorytype.CU_MEMORYTYPE_HOST;
    copy.dstHost = NativePointers.host(host);
  }

  static void fromDevice(CUDA_MEMCPY2D copy, long address) {
    copy.srcMemoryType = CUmemorytype.CU_MEMORYTYPE_DEVICE;
    copy.srcDevice = NativePointers.device(address);
  }

  static void fromHost(CUDA_MEMCPY2D copy, MemorySegment host) {
    copy.srcMemoryType = CUmemorytype.CU_MEMORYTYPE_HOST;
    copy.srcHost = NativePointers.host(host);
  }
}
