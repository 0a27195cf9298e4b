package dev.warpwright.softgpu.driver;

import dev.warpwright.softgpu.CudaResult;
import dev.warpwright.softgpu.driver.Graph.Kind;
import dev.warpwright.softgpu.sim.DeviceMemory;

/** Fills of device memory. All are queued, those without a stream in the legacy default stream. */
final class MemsetCalls {
  private final Driver driver;

  MemsetCalls(Driver driver) {
    this.driver = driver;
  }

  @CudaEntry("cuMemsetD8_v2")
  void bytes(long address, byte value, long count) {
    fill(address, 0, value, Byte.BYTES, count, 1, 0);
  }

  @CudaEntry("cuMemsetD16_v2")
  void shorts(long address, short value, long count) {
    fill(address, 0, value, Short.BYTES, count, 1, 0);
  }

  @CudaEntry("cuMemsetD32_v2")
  void ints(long address, int value, long count) {
    fill(address, 0, value, Integer.BYTES, count, 1, 0);
  }

  @CudaEntry("cuMemsetD2D8_v2")
  void bytes2D(long address, long pitch, byte value, long width, long height) {
    fill(address, pitch, value, Byte.BYTES, width, height, 0);
  }

  @CudaEntry("cuMemsetD2D16_v2")
  void shorts2D(long address, long pitch, short value, long width, long height) {
    fill(address, pitch, value, Short.BYTES, width, height, 0);
  }

  @CudaEntry("cuMemsetD2D32_v2")
  void ints2D(long address, long pitch, int value, long width, long height) {
    fill(address, pitch, value, Integer.BYTES, width, height, 0);
  }

  @CudaEntry("cuMemsetD8Async")
  void bytesAsync(long address, byte value, long count, long stream) {
    fill(address, 0, value, Byte.BYTES, count, 1, stream);
  }

  @CudaEntry("cuMemsetD16Async")
  void shortsAsync(long address, short value, long count, long stream) {
    fill(address, 0, value, Short.BYTES, count, 1, stream);
  }

  @CudaEntry("cuMemsetD32Async")
  void intsAsync(long address, int value, long count, long stream) {
    fill(address, 0, value, Integer.BYTES, count, 1, stream);
  }

  @CudaEntry("cuMemsetD2D8Async")
  void bytes2DAsync(long address, long pitch, byte value, long width, long height, long stream) {
    fill(address, pitch, value, Byte.BYTES, width, height, stream);
  }

  @CudaEntry("cuMemsetD2D16Async")
  void shorts2DAsync(long address, long pitch, short value, long width, long height, long stream) {
    fill(address, pitch, value, Short.BYTES, width, height, stream);
  }

  @CudaEntry("cuMemsetD2D32Async")
  void ints2DAsync(long address, long pitch, int value, long width, long height, long stream) {
    fill(address, pitch, value, Integer.BYTES, width, height, stream);
  }

  private void fill(
      long address,
      long pitch,
      long value,
      int elementBytes,
      long width,
      long height,
      long handle) {
    CudaStream stream = driver.stream(handle);
    CudaFailure.require(width >= 0 && width <= Long.MAX_VALUE / elementBytes);
    CudaFailure.require(address % elementBytes == 0 && pitch % elementBytes == 0);
    long extent = Copy.extent(pitch, width * elementBytes, height);
    DeviceMemory memory = driver.deviceOf(address, extent).memory();
    stream
        .context()
        .submit(
            stream,
            Kind.FILL,
            () -> {
              for (long row = 0; row < height; row++) {
                fillRow(memory, address + row * pitch, value, elementBytes, width);
              }
            });
  }

  private static void fillRow(
      DeviceMemory memory, long address, long value, int elementBytes, long count) {
    try {
      memory.fill(address, value, elementBytes, count);
    } catch (IllegalArgumentException e) {
      // Memory that was there when the fill was queued is gone.
      throw new LaunchFailure(CudaResult.ILLEGAL_ADDRESS, true);
    }
  }
}
