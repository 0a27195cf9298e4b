package dev.warpwright.softgpu.driver;

import dev.warpwright.softgpu.CudaResult;
import java.lang.foreign.MemorySegment;

/** Events. Their times are made up: they grow with the work done, and say nothing about speed. */
final class EventCalls {
  private static final int FLAGS = 0x7;
  private static final int DISABLE_TIMING = 0x2;
  private static final int INTERPROCESS = 0x4;

  private final Driver driver;

  EventCalls(Driver driver) {
    this.driver = driver;
  }

  @CudaEntry("cuEventCreate")
  void create(MemorySegment event, int flags) {
    Context context = driver.context();
    CudaFailure.require((flags & ~FLAGS) == 0);
    boolean timed = (flags & DISABLE_TIMING) == 0;
    CudaFailure.require((flags & INTERPROCESS) == 0 || !timed);
    CMemory.at(event, Long.BYTES);
    CMemory.putLong(event, driver.handles().add(new CudaEvent(context, timed)));
  }

  /** An event may be destroyed before it is reached. */
  @CudaEntry("cuEventDestroy_v2")
  void destroy(long event) {
    event(event);
    driver.handles().remove(event);
  }

  @CudaEntry("cuEventRecord")
  void record(long event, long stream) {
    CudaEvent recorded = event(event);
    CudaStream target = driver.stream(stream);
    CudaFailure.require(recorded.context() == target.context(), CudaResult.INVALID_HANDLE);
    recorded.record(target);
  }

  @CudaEntry("cuEventRecordWithFlags")
  void recordWithFlags(long event, long stream, int flags) {
    CudaFailure.require(flags == 0);
    record(event, stream);
  }

  /** Lets some work happen first: a caller that polls must come to an end. */
  @CudaEntry("cuEventQuery")
  void query(long event) {
    CudaEvent queried = event(event);
    queried.requireNotCaptured();
    driver.queues().step();
    CudaFailure.require(queried.isDone(), CudaResult.NOT_READY);
    queried.context().throwFailure();
  }

  @CudaEntry("cuEventSynchronize")
  void synchronise(long event) {
    CudaEvent awaited = event(event);
    awaited.requireNotCaptured();
    driver.queues().complete(awaited.recorded());
    awaited.context().throwFailure();
  }

  @CudaEntry("cuEventElapsedTime")
  void elapsedTime(MemorySegment milliseconds, long start, long end) {
    CudaEvent first = event(start);
    CudaEvent second = event(end);
    CudaFailure.require(first.isTimed() && second.isTimed(), CudaResult.INVALID_HANDLE);
    CMemory.putFloat(milliseconds, (doneAt(second) - doneAt(first)) / 1000f);
  }

  private static long doneAt(CudaEvent event) {
    Work recorded = event.recorded();
    if (recorded == null) {
      throw new CudaFailure(CudaResult.INVALID_HANDLE);
    }
    CudaFailure.require(recorded.isDone(), CudaResult.NOT_READY);
    return recorded.doneAt();
  }

  private CudaEvent event(long handle) {
    driver.context();
    return driver.handles().get(handle, CudaEvent.class);
  }
}
