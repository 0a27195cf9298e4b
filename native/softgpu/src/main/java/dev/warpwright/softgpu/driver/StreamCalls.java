package dev.warpwright.softgpu.driver;

import dev.warpwright.softgpu.CudaResult;
import dev.warpwright.softgpu.driver.Graph.Kind;
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
    stream.requireNotCapturing();
    driver.handles().remove(handle);
    stream.context().removeStream(stream);
  }

  @CudaEntry("cuStreamSynchronize")
  void synchronise(long handle) {
    CudaStream stream = driver.stream(handle);
    stream.requireNotCapturing();
    driver.queues().complete(stream.last());
    stream.context().throwFailure();
  }

  /** Lets some work happen first: a caller that polls must come to an end. */
  @CudaEntry("cuStreamQuery")
  void query(long handle) {
    CudaStream stream = driver.stream(handle);
    stream.requireNotCapturing();
    driver.queues().step();
    CudaFailure.require(stream.pending() == 0, CudaResult.NOT_READY);
    stream.context().throwFailure();
  }

  @CudaEntry("cuStreamWaitEvent")
  void waitEvent(long handle, long event, int flags) {
    CudaStream stream = driver.stream(handle);
    CudaEvent awaited = driver.handles().get(event, CudaEvent.class);
    CudaFailure.require(flags == 0);
    Capture.Point captured = awaited.captured();
    if (captured != null) {
      join(stream, captured);
    } else if (stream.capture != null) {
      stream.capture.invalidate();
      throw new CudaFailure(CudaResult.STREAM_CAPTURE_ISOLATION);
    } else {
      stream.waitFor(awaited.recorded());
      stream.context().submit(stream, Kind.EMPTY, () -> {});
    }
  }

  private static void join(CudaStream stream, Capture.Point point) {
    CudaFailure.require(!point.capture().hasEnded(), CudaResult.CAPTURED_EVENT);
    if (stream == stream.context().legacyStream()) {
      point.capture().invalidate();
      throw new CudaFailure(CudaResult.STREAM_CAPTURE_IMPLICIT);
    }
    if (stream.capture != null && stream.capture != point.capture()) {
      stream.capture.invalidate();
      point.capture().invalidate();
      throw new CudaFailure(CudaResult.STREAM_CAPTURE_MERGE);
    }
    point.capture().join(stream, point.after());
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

  @CudaEntry("cuLaunchHostFunc")
  void launchHostFunction(long handle, MemorySegment function, MemorySegment data) {
    CudaStream stream = driver.stream(handle);
    CudaFailure.require(!CMemory.isNull(function));
    stream.context().submit(stream, Kind.HOST, () -> callHostFunction(function, data));
  }

  private static void callHostFunction(MemorySegment function, MemorySegment data) {
    try {
      HOST_FUNCTION.invokeExact(function, data);
    } catch (Throwable e) {
      throw new IllegalStateException("host function", e);
    }
  }
}
