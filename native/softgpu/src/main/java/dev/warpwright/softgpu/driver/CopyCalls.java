package dev.warpwright.softgpu.driver;

import dev.warpwright.softgpu.CudaResult;
import dev.warpwright.softgpu.driver.Copy.Host;
import dev.warpwright.softgpu.driver.Copy.OnDevice;
import dev.warpwright.softgpu.driver.Copy.Place;
import dev.warpwright.softgpu.driver.Graph.Kind;
import java.lang.foreign.MemorySegment;

/**
 * Copies. Those without a stream go through the legacy default stream and are done on return,
 * except between two places on the device. Those with a stream are queued; pageable host memory
 * makes them behave as documented: the source is read before the call returns, and a copy to it is
 * done on return.
 */
final class CopyCalls {
  private final Driver driver;

  CopyCalls(Driver driver) {
    this.driver = driver;
  }

  @CudaEntry("cuMemcpyHtoD_v2")
  void hostToDevice(long to, MemorySegment from, long bytes) {
    copyNow(onDevice(to, bytes), onHost(from, bytes), bytes);
  }

  @CudaEntry("cuMemcpyDtoH_v2")
  void deviceToHost(MemorySegment to, long from, long bytes) {
    copyNow(onHost(to, bytes), onDevice(from, bytes), bytes);
  }

  @CudaEntry("cuMemcpyDtoD_v2")
  void deviceToDevice(long to, long from, long bytes) {
    copyLater(onDevice(to, bytes), onDevice(from, bytes), bytes, 0);
  }

  @CudaEntry("cuMemcpy")
  void copy(long to, long from, long bytes) {
    copyNow(anywhere(to, bytes), anywhere(from, bytes), bytes);
  }

  @CudaEntry("cuMemcpyHtoDAsync_v2")
  void hostToDeviceAsync(long to, MemorySegment from, long bytes, long stream) {
    copyLater(onDevice(to, bytes), onHost(from, bytes), bytes, stream);
  }

  @CudaEntry("cuMemcpyDtoHAsync_v2")
  void deviceToHostAsync(MemorySegment to, long from, long bytes, long stream) {
    copyLater(onHost(to, bytes), onDevice(from, bytes), bytes, stream);
  }

  @CudaEntry("cuMemcpyDtoDAsync_v2")
  void deviceToDeviceAsync(long to, long from, long bytes, long stream) {
    copyLater(onDevice(to, bytes), onDevice(from, bytes), bytes, stream);
  }

  @CudaEntry("cuMemcpyAsync")
  void copyAsync(long to, long from, long bytes, long stream) {
    copyLater(anywhere(to, bytes), anywhere(from, bytes), bytes, stream);
  }

  @CudaEntry({"cuMemcpy2D_v2", "cuMemcpy2DUnaligned_v2"})
  void copy2D(MemorySegment description) {
    driver.context();
    driver.requireNoCapture();
    Copy copy = Copy2D.read(this, description);
    driver.context().submitAndWait(driver.stream(0), copy::run);
  }

  @CudaEntry("cuMemcpy2DAsync_v2")
  void copy2DAsync(MemorySegment description, long stream) {
    driver.context();
    copyLater(Copy2D.read(this, description), stream);
  }

  private void copyNow(Place to, Place from, long bytes) {
    driver.requireNoCapture();
    Copy copy = new Copy(to, from, bytes, bytes == 0 ? 0 : 1);
    driver.context().submitAndWait(driver.stream(0), copy::run);
  }

  private void copyLater(Place to, Place from, long bytes, long stream) {
    copyLater(new Copy(to, from, bytes, bytes == 0 ? 0 : 1), stream);
  }

  private void copyLater(Copy copy, long handle) {
    CudaStream stream = driver.stream(handle);
    if (stream.capture != null) {
      // A node reads and writes host memory whenever the graph is launched.
      stream.context().submit(stream, Kind.COPY, copy::run);
    } else if (isPageable(copy.to())) {
      stream.context().submitAndWait(stream, copy::run);
    } else {
      Copy queued = isPageable(copy.from()) ? copy.staged() : copy;
      stream.context().submit(stream, Kind.COPY, queued::run);
    }
  }

  private boolean isPageable(Place place) {
    return place instanceof Host host
        && !driver.hostMemory().isPinned(host.bytes().address(), host.bytes().byteSize());
  }

  private Place onDevice(long address, long bytes) {
    driver.context();
    return device(address, bytes, bytes);
  }

  private Place onHost(MemorySegment pointer, long bytes) {
    driver.context();
    return host(pointer.address(), bytes, bytes);
  }

  private Place anywhere(long address, long bytes) {
    driver.context();
    return unified(address, bytes, bytes);
  }

  /** A place in device memory; INVALID_VALUE when it is not inside one allocation. */
  Place device(long address, long extent, long pitch) {
    CudaFailure.require(extent >= 0);
    Device owner = extent == 0 ? driver.context().device() : driver.deviceOf(address, extent);
    return new OnDevice(owner.memory(), address, pitch);
  }

  /** A place in host memory. */
  Place host(long address, long extent, long pitch) {
    CudaFailure.require(extent >= 0);
    return new Host(extent == 0 ? MemorySegment.NULL : CMemory.at(address, extent), pitch);
  }

  /** A place in device or pinned host memory, told apart by its address. */
  Place unified(long address, long extent, long pitch) {
    return driver.findDevice(address, Math.max(1, extent)).isPresent()
        ? device(address, extent, pitch)
        : pinned(address, extent, pitch);
  }

  private Place pinned(long address, long extent, long pitch) {
    CudaFailure.require(driver.hostMemory().isPinned(address, extent), CudaResult.INVALID_VALUE);
    return host(address, extent, pitch);
  }
}
