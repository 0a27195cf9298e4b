package dev.warpwright.softgpu.driver;

import dev.warpwright.softgpu.CudaResult;
import dev.warpwright.softgpu.driver.Copy.Place;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** Reads the C structure {@code CUDA_MEMCPY2D}. */
final class Copy2D {
  private static final int BYTES = 128;
  private static final int SOURCE = 0;
  private static final int TARGET = 56;
  private static final int WIDTH = 112;
  private static final int HEIGHT = 120;

  // Offsets of the fields of an end.
  private static final int X = 0;
  private static final int Y = 8;
  private static final int MEMORY_TYPE = 16;
  private static final int HOST = 24;
  private static final int DEVICE = 32;
  private static final int PITCH = 48;

  private static final int TYPE_HOST = 1;
  private static final int TYPE_DEVICE = 2;
  private static final int TYPE_ARRAY = 3;
  private static final int TYPE_UNIFIED = 4;

  private Copy2D() {}

  static Copy read(CopyCalls places, MemorySegment pointer) {
    MemorySegment structure = CMemory.at(pointer, BYTES);
    long width = getLong(structure, WIDTH);
    long height = getLong(structure, HEIGHT);
    Place from = place(places, structure.asSlice(SOURCE), width, height);
    Place to = place(places, structure.asSlice(TARGET), width, height);
    return new Copy(to, from, width, width == 0 ? 0 : height);
  }

  private static Place place(CopyCalls places, MemorySegment end, long width, long height) {
    long pitch = getLong(end, PITCH);
    pitch = pitch == 0 ? width : pitch;
    long extent = Copy.extent(pitch, width, height);
    long offset = getLong(end, Y) * pitch + getLong(end, X);
    CudaFailure.require(offset >= 0);
    return switch (end.get(ValueLayout.JAVA_INT_UNALIGNED, MEMORY_TYPE)) {
      case TYPE_HOST -> places.host(getLong(end, HOST) + offset, extent, pitch);
      case TYPE_DEVICE -> places.device(getLong(end, DEVICE) + offset, extent, pitch);
      case TYPE_UNIFIED -> places.unified(getLong(end, DEVICE) + offset, extent, pitch);
      case TYPE_ARRAY -> throw new CudaFailure(CudaResult.NOT_SUPPORTED);
      default -> throw new CudaFailure(CudaResult.INVALID_VALUE);
    };
  }

  private static long getLong(MemorySegment structure, int offset) {
    return structure.get(ValueLayout.JAVA_LONG_UNALIGNED, offset);
  }
}
