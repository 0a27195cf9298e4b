package dev.warpwright.softgpu.driver;

import dev.warpwright.softgpu.CudaResult;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;

/** Streams, their order, and host functions in them. */
final class StreamCalls {
  private static final int NON_BLOCKING = 0x1;
  private static final MethodHandle HOST_FUNCTION =
      Linker.nativeLinker().downcallHandle(FunctionDescriptor.ofVoid(ValueLayout.ADDRESS));

  private final Driver driver;

  StreamCalls(Driver driver) {
    this.driver = driver;
  }

  @CudaEntry("cuStreamCreate")
  void create(MemorySegment stream, int flags) {
    createWithPriority(stream, flags, 0);
  }

  /** A priority outside the range is moved into it, as documented. */
  @CudaEntry("cuStreamCreateWithPriority")
  void createWithPriority(MemorySegment stream, int flags, int priority) {
    Context context = driver.context();
    CudaFailure.require((flags & ~NON_BLOCKING) == 0);
    CMemory.at(stream, Long.BYTES);
    CudaStream created = context.addStream(flags, Math.clamp(priority, -5, 0));
    created.handle = driver.handles().add(created);
    CMemory.putLong(stream, created.handle);
  }

  /** Returns at once on a GPU; here the stream's work is done on return, which is allowed too. */
  @CudaEntry("cuStreamDestroy_v2")
  void destroy(long handle) {
    driver.context();
    CudaStream stream = driver.handles().get(handle, CudaStream.class);
    driver.handles().remove(handle);
    stream.context().removeStream(stream);
  }

  @CudaEntry("cuStreamSynchronize")
  void synchronise(long handle) {
    CudaStream stream = driver.stream(handle);
    driver.queues().complete(stream.last());
    stream.context().throwFailure();
  }

  /** Lets some work happen first: a caller that polls must come to an end. */
  @CudaEntry("cuStreamQuery")
  void query(long handle) {
    CudaStream stream = driver.stream(handle);
    driver.queues().step();
    CudaFailure.require(stream.pending() == 0, CudaResult.NOT_READY);
    stream.context().throwFailure();
  }

  @CudaEntry("cuStreamWaitEvent")
  void waitEvent(long handle, long event, int flags) {
    CudaStream stream = driver.stream(handle);
    CudaEvent awaited = driver.handles().get(event, CudaEvent.class);
    CudaFailure.require(flags == 0);
    stream.waitFor(awaited.recorded());
    stream.context().submit(stream, () -> {});
  }

  @CudaEntry("cuStreamGetFlags")
  void getFlags(long handle, MemorySegment flags) {
    CMemory.putInt(flags, driver.stream(handle).flags());
  }

  @CudaEntry("cuStreamGetPriority")
  void getPriority(long handle, MemorySegment priority) {
    CMemory.putInt(priority, driver.stream(handle).priority());
  }

  @CudaEntry("cuStreamGetCtx")
  void getContext(long handle, MemorySegment context) {
    CMemory.putLong(context, driver.stream(handle).context().handle);
  }

  @CudaEntry("cuStreamIsCapturing")
  void isCapturing(long handle, MemorySegment status) {
    driver.stream(handle);
    CMemory.putInt(status, 0);
  }

  @CudaEntry("cuLaunchHostFunc")
  void launchHostFunction(long handle, MemorySegment function, MemorySegment data) {
    CudaStream stream = driver.stream(handle);
    CudaFailure.require(!CMemory.isNull(function));
    stream.context().submit(stream, () -> callHostFunction(function, data));
  }

  private static void callHostFunction(MemorySegment function, MemorySegment data) {
    try {
      HOST_FUNCTION.invokeExact(function, data);
    } catch (Throwable e) {
      throw new IllegalStateException("host function", e);
    }
  }
}
