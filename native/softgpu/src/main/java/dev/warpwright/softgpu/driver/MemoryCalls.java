package dev.warpwright.softgpu.driver;

import dev.warpwright.softgpu.CudaResult;
import dev.warpwright.softgpu.sim.Allocation;
import dev.warpwright.softgpu.sim.DeviceMemory;
import java.lang.foreign.MemorySegment;
import java.util.Objects;

/** Device memory: allocation, release and questions about it. */
final class MemoryCalls {
  private static final int PITCH_ALIGNMENT = 512;
  private static final int MEMORY_TYPE_HOST = 1;
  private static final int MEMORY_TYPE_DEVICE = 2;

  private final Driver driver;

  MemoryCalls(Driver driver) {
    this.driver = driver;
  }

  @CudaEntry("cuMemAlloc_v2")
  void alloc(MemorySegment address, long bytes) {
    driver.requireNoCapture();
    CMemory.putLong(address, allocate(driver.context(), bytes, "cuMemAlloc"));
  }

  @CudaEntry("cuMemAllocPitch_v2")
  void allocPitch(
      MemorySegment address, MemorySegment pitch, long width, long height, int elementBytes) {
    Context context = driver.context();
    CudaFailure.require(elementBytes == 4 || elementBytes == 8 || elementBytes == 16);
    CudaFailure.require(width > 0 && height > 0 && width <= Integer.MAX_VALUE);
    long row = (width + PITCH_ALIGNMENT - 1) / PITCH_ALIGNMENT * PITCH_ALIGNMENT;
    CudaFailure.require(height <= Long.MAX_VALUE / row, CudaResult.OUT_OF_MEMORY);
    CMemory.at(pitch, Long.BYTES);
    CMemory.putLong(address, allocate(context, row * height, "cuMemAllocPitch"));
    CMemory.putLong(pitch, row);
  }

  /** The memory is there at once; real drivers only promise it in the order of the stream. */
  @CudaEntry("cuMemAllocAsync")
  void allocAsync(MemorySegment address, long bytes, long stream) {
    CudaStream ordered = driver.stream(stream);
    ordered.requireNotCapturing(); // nodes that allocate are not simulated
    CMemory.putLong(address, allocate(ordered.context(), bytes, "cuMemAllocAsync"));
  }

  private static long allocate(Context context, long bytes, String call) {
    CudaFailure.require(bytes != 0);
    CudaFailure.require(bytes > 0, CudaResult.OUT_OF_MEMORY); // size_t: more than 2^63
    long address = context.device().allocate(bytes, call);
    context.allocations().add(address);
    return address;
  }

  /** Waits for all work of the context, as drivers do. */
  @CudaEntry("cuMemFree_v2")
  void free(long address) {
    driver.requireNoCapture();
    Context context = driver.context();
    CudaFailure.require(context.allocations().contains(address));
    context.synchronise();
    release(context, address);
  }

  @CudaEntry("cuMemFreeAsync")
  void freeAsync(long address, long stream) {
    CudaStream ordered = driver.stream(stream);
    Context context = ordered.context();
    CudaFailure.require(context.allocations().contains(address));
    context.submit(ordered, null, () -> release(context, address));
  }

  private static void release(Context context, long address) {
    if (context.allocations().remove(address)) {
      context.device().memory().free(address);
    }
  }

  @CudaEntry("cuMemGetInfo_v2")
  void getInfo(MemorySegment free, MemorySegment total) {
    DeviceMemory memory = driver.context().device().memory();
    CMemory.putLongIfWanted(free, memory.capacity() - memory.used());
    CMemory.putLongIfWanted(total, memory.capacity());
  }

  @CudaEntry("cuMemGetAddressRange_v2")
  void getAddressRange(MemorySegment base, MemorySegment bytes, long address) {
    driver.context();
    Allocation allocation =
        driver
            .findDevice(address, 1)
            .map(device -> device.memory().find(address))
            .orElseThrow(() -> new CudaFailure(CudaResult.NOT_FOUND));
    CMemory.putLongIfWanted(base, allocation.address());
    CMemory.putLongIfWanted(bytes, allocation.bytes());
  }

  @CudaEntry("cuPointerGetAttribute")
  void pointerGetAttribute(MemorySegment data, int attribute, long address) {
    boolean onDevice = driver.findDevice(address, 1).isPresent();
    boolean pinned = !onDevice && driver.hostMemory().isPinned(address, 1);
    CudaFailure.require(onDevice || pinned);
    switch (attribute) {
      case 1 -> CMemory.putLong(data, driver.ownerOf(address).handle); // CONTEXT
      case 2 -> CMemory.putInt(data, onDevice ? MEMORY_TYPE_DEVICE : MEMORY_TYPE_HOST);
      case 3 -> { // DEVICE_POINTER
        CudaFailure.require(onDevice);
        CMemory.putLong(data, address);
      }
      case 4 -> { // HOST_POINTER
        CudaFailure.require(pinned);
        CMemory.putLong(data, address);
      }
      case 8 -> CMemory.putInt(data, 0); // IS_MANAGED
      case 9 -> CMemory.putInt(data, driver.deviceOf(address, 1).ordinal()); // DEVICE_ORDINAL
      case 11 -> CMemory.putLong(data, allocation(address).address()); // RANGE_START_ADDR
      case 12 -> CMemory.putLong(data, allocation(address).bytes()); // RANGE_SIZE
      default -> throw new CudaFailure(CudaResult.NOT_SUPPORTED);
    }
  }

  private Allocation allocation(long address) {
    return Objects.requireNonNull(driver.deviceOf(address, 1).memory().find(address));
  }
}
