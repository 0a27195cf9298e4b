package dev.warpwright.cuda.runtime;

import dev.warpwright.kernels.InvalidArgumentException;
import dev.warpwright.kernels.LeakDetector;
import dev.warpwright.kernels.Memory;
import dev.warpwright.kernels.Resource;
import java.lang.foreign.MemorySegment;
import jcuda.driver.CUDA_MEMCPY2D;
import jcuda.driver.CUdeviceptr;
import jcuda.driver.JCudaDriver;

/**
 * Device memory. Copies that take a stream are enqueued; one from pageable host memory has read it
 * when the call returns, one from a {@link PinnedBuffer} reads it when its turn comes.
 */
public final class DeviceBuffer implements Memory, Resource {
  private final CudaDevice device;
  private final long bytes;
  private final String holder;
  private final long address;
  private final LeakDetector.Registration registration;
  private boolean closed;

  DeviceBuffer(CudaDevice device, long bytes, String holder, long accounted) {
    if (bytes < 1) {
      throw new InvalidArgumentException("bytes", bytes, "1 or more");
    }
    this.device = device;
    this.bytes = bytes;
    this.holder = holder;
    device.makeCurrent();
    NativePointers.Device pointer = new NativePointers.Device();
    device.checkAllocation(JCudaDriver.cuMemAlloc(pointer, bytes), "cuMemAlloc", bytes);
    address = pointer.address();
    device.holders().add(holder, bytes);
    registration = LeakDetector.register(this, "device memory of " + holder, accounted);
  }

  /** The device that holds the memory. */
  public CudaDevice device() {
    return device;
  }

  /** Device address of the first byte. */
  public long address() {
    requireOpen();
    return address;
  }

  @Override
  public long bytes() {
    return bytes;
  }

  @Override
  public String place() {
    return "cuda:" + device.ordinal();
  }

  @Override
  public synchronized boolean isAlive() {
    return !closed && device.isUsable();
  }

  /** Copies host memory to the start of the buffer, and returns when it is done. */
  public void copyFrom(MemorySegment host) {
    range("host", 0, host.byteSize());
    CudaCopyEvent event = begin("cuMemcpyHtoD", host.byteSize());
    device.makeCurrent();
    int result =
        JCudaDriver.cuMemcpyHtoD(
            NativePointers.device(address), NativePointers.host(host), host.byteSize());
    event.commit();
    device.check(result, "cuMemcpyHtoD");
  }

  /**
   * Enqueues a copy of host memory.
   *
   * @param offset first byte of the buffer to write
   * @param host native memory; pinned memory must stay as it is until the copy is done
   * @param stream where to enqueue
   */
  public void copyFrom(long offset, MemorySegment host, CudaStream stream) {
    range("host", offset, host.byteSize());
    CudaCopyEvent event = begin("cuMemcpyHtoDAsync", host.byteSize());
    device.makeCurrent();
    int result =
        JCudaDriver.cuMemcpyHtoDAsync(
            NativePointers.device(address + offset),
            NativePointers.host(host),
            host.byteSize(),
            stream.handle());
    event.commit();
    device.check(result, "cuMemcpyHtoDAsync");
  }

  /** Copies the start of the buffer to host memory, and returns when it is done. */
  public void copyTo(MemorySegment host) {
    range("host", 0, host.byteSize());
    CudaCopyEvent event = begin("cuMemcpyDtoH", host.byteSize());
    device.makeCurrent();
    int result =
        JCudaDriver.cuMemcpyDtoH(
            NativePointers.host(host), NativePointers.device(address), host.byteSize());
    event.commit();
    device.check(result, "cuMemcpyDtoH");
  }

  /**
   * Enqueues a copy to host memory.
   *
   * @param offset first byte of the buffer to read
   * @param host native memory; the call waits for the copy unless it is pinned
   * @param stream where to enqueue
   */
  public void copyTo(long offset, MemorySegment host, CudaStream stream) {
    range("host", offset, host.byteSize());
    CudaCopyEvent event = begin("cuMemcpyDtoHAsync", host.byteSize());
    device.makeCurrent();
    int result =
        JCudaDriver.cuMemcpyDtoHAsync(
            NativePointers.host(host),
            NativePointers.device(address + offset),
            host.byteSize(),
            stream.handle());
    event.commit();
    device.check(result, "cuMemcpyDtoHAsync");
  }

  /**
   * Enqueues a copy from another buffer, of this device or another one.
   *
   * @param offset first byte of this buffer to write
   * @param source the other buffer
   * @param sourceOffset first byte of the other buffer to read
   * @param size number of bytes
   * @param stream where to enqueue, on either device; work in streams of the other one is ordered
   *     by events only
   */
  public void copyFrom(
      long offset, DeviceBuffer source, long sourceOffset, long size, CudaStream stream) {
    range("size", offset, size);
    source.range("size", sourceOffset, size);
    boolean here = source.device == device;
    String call = here ? "cuMemcpyDtoDAsync" : "cuMemcpyPeerAsync";
    CudaCopyEvent event = begin(call, size);
    CUdeviceptr to = NativePointers.device(address + offset);
    CUdeviceptr from = NativePointers.device(source.address + sourceOffset);
    stream.device().makeCurrent();
    int result =
        here
            ? JCudaDriver.cuMemcpyDtoDAsync(to, from, size, stream.handle())
            : JCudaDriver.cuMemcpyPeerAsync(
                to, device.context(), from, source.device.context(), size, stream.handle());
    event.commit();
    stream.device().check(result, call);
  }

  /**
   * Enqueues a copy of rows of host memory.
   *
   * @param to where the rows go in this buffer
   * @param host native memory; pinned memory must stay as it is until the copy is done
   * @param from where they are in it
   * @param stream where to enqueue
   */
  public void copyFrom(Rows to, MemorySegment host, Rows from, CudaStream stream) {
    range("to", to.offset(), to.extent());
    CUDA_MEMCPY2D copy = CopyOfRows.of(to, from);
    CopyOfRows.toDevice(copy, address + to.offset());
    CopyOfRows.fromHost(copy, host.asSlice(from.offset(), from.extent()));
    enqueue(copy, stream);
  }

  /**
   * Enqueues a copy of rows to host memory.
   *
   * @param from where the rows are in this buffer
   * @param host native memory; the call waits for the copy unless it is pinned
   * @param to where they go in it
   * @param stream where to enqueue
   */
  public void copyTo(Rows from, MemorySegment host, Rows to, CudaStream stream) {
    range("from", from.offset(), from.extent());
    CUDA_MEMCPY2D copy = CopyOfRows.of(to, from);
    CopyOfRows.toHost(copy, host.asSlice(to.offset(), to.extent()));
    CopyOfRows.fromDevice(copy, address + from.offset());
    enqueue(copy, stream);
  }

  /**
   * Enqueues a copy of rows of another buffer of this device.
   *
   * @param to where the rows go in this buffer
   * @param source the other buffer
   * @param from where they are in it
   * @param stream where to enqueue
   */
  public void copyFrom(Rows to, DeviceBuffer source, Rows from, CudaStream stream) {
    requireSameDevice(source);
    range("to", to.offset(), to.extent());
    source.range("from", from.offset(), from.extent());
    CUDA_MEMCPY2D copy = CopyOfRows.of(to, from);
    CopyOfRows.toDevice(copy, address + to.offset());
    CopyOfRows.fromDevice(copy, source.address + from.offset());
    enqueue(copy, stream);
  }

  private void enqueue(CUDA_MEMCPY2D copy, CudaStream stream) {
    CudaCopyEvent event = begin("cuMemcpy2DAsync", copy.WidthInBytes * copy.Height);
    device.makeCurrent();
    int result = JCudaDriver.cuMemcpy2DAsync(copy, stream.handle());
    event.commit();
    device.check(result, "cuMemcpy2DAsync");
  }

  private CudaCopyEvent begin(String call, long size) {
    CudaCopyEvent event = new CudaCopyEvent();
    event.call = call;
    event.device = device.ordinal();
    event.bytes = size;
    event.begin();
    return event;
  }

  private void requireSameDevice(DeviceBuffer source) {
    if (source.device != device) {
      throw new InvalidArgumentException("source", source.place(), "a buffer of " + place());
    }
  }

  /**
   * Enqueues a fill.
   *
   * @param offset first byte to write
   * @param size number of bytes
   * @param value what every byte becomes
   * @param stream where to enqueue
   */
  public void fill(long offset, long size, byte value, CudaStream stream) {
    range("size", offset, size);
    device.makeCurrent();
    device.check(
        JCudaDriver.cuMemsetD8Async(
            NativePointers.device(address + offset), value, size, stream.handle()),
        "cuMemsetD8Async");
  }

  /** Frees the memory when all work that was enqueued before is done; idempotent. */
  @Override
  public synchronized void close() {
    if (closed) {
      return;
    }
    closed = true;
    registration.close();
    device.holders().add(holder, -bytes);
    // A device that is closed or lost has lost its memory too.
    if (device.isUsable()) {
      device.makeCurrent();
      device.check(JCudaDriver.cuMemFree(NativePointers.device(address)), "cuMemFree");
    }
  }

  private void range(String argument, long offset, long size) {
    requireOpen();
    if (offset < 0 || size < 0 || size > bytes - offset) {
      throw new InvalidArgumentException(
          argument, size + " bytes from " + offset, "inside the buffer of " + bytes + " bytes");
    }
  }

  private synchronized void requireOpen() {
    if (closed) {
      throw new IllegalStateException("device memory of " + holder + " is closed");
    }
  }
}
