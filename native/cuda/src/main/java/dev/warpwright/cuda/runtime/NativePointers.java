package dev.warpwright.cuda.runtime;

import java.lang.foreign.MemorySegment;
import jcuda.Pointer;
import jcuda.driver.CUdeviceptr;

/** JCuda's pointer classes with their addresses in sight. */
final class NativePointers {
  private NativePointers() {}

  /** A device address that JCuda can write to and we can read. */
  static final class Device extends CUdeviceptr {
    long address() {
      return getNativePointer();
    }
  }

  /** A host address that JCuda can write to and we can read. */
  static final class Host extends Pointer {
    long address() {
      return getNativePointer();
    }
  }

  /** A device address. */
  static CUdeviceptr device(long address) {
    return new CUdeviceptr().withByteOffset(address);
  }

  /** Native host memory; a heap segment is refused because JCuda would block the collector. */
  static Pointer host(MemorySegment segment) {
    if (!segment.isNative()) {
      throw new IllegalArgumentException(
          "the host segment must be native memory: allocate it from an Arena, or use PinnedBuffer");
    }
    return new Pointer().withByteOffset(segment.address());
  }
}
