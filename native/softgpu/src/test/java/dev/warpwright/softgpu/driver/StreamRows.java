package dev.warpwright.softgpu.driver;

import static dev.warpwright.softgpu.CudaResult.INVALID_HANDLE;
import static dev.warpwright.softgpu.CudaResult.INVALID_VALUE;
import static dev.warpwright.softgpu.CudaResult.NOT_READY;
import static jcuda.driver.JCudaDriver.*;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.concurrent.atomic.AtomicInteger;
import jcuda.driver.CUevent;
import jcuda.driver.CUhostFn;
import jcuda.driver.CUstream;

/** Streams and events. */
final class StreamRows extends Table {
  private static final AtomicInteger CALLED = new AtomicInteger();
  private static final CUhostFn COUNT = data -> CALLED.incrementAndGet();

  private final float[] milliseconds = new float[1];

  StreamRows() {
    streams();
    events();
  }

  private void streams() {
    on("cuStreamCreate");
    ok("", m -> cuStreamCreate(new CUstream(), 0));
    fails("no flag", INVALID_VALUE, m -> cuStreamCreate(new CUstream(), 2));

    on("cuStreamCreateWithPriority");
    ok("beyond the range", m -> cuStreamCreateWithPriority(new CUstream(), 1, -99));
    fails("no flag", INVALID_VALUE, m -> cuStreamCreateWithPriority(new CUstream(), 2, 0));

    on("cuStreamDestroy_v2");
    ok("", m -> cuStreamDestroy(m.stream));
    fails("null", INVALID_HANDLE, m -> cuStreamDestroy(new CUstream()));

    on("cuStreamSynchronize");
    ok(
        "",
        m -> {
          Machine.ok(cuMemsetD32Async(m.memory, 3, 1, m.stream));
          return cuStreamSynchronize(m.stream);
        },
        m -> assertEquals(0, cuStreamQuery(m.stream)));
    ok("the default stream", m -> cuStreamSynchronize(null));
    ok("the thread's default stream", m -> cuStreamSynchronize(CU_STREAM_PER_THREAD));

    on("cuStreamQuery");
    ok("idle", m -> cuStreamQuery(m.stream));
    fails(
        "busy",
        NOT_READY,
        m -> {
          Machine.ok(cuMemsetD32Async(m.memory, 3, 1, m.stream));
          Machine.ok(cuMemsetD32Async(m.memory, 4, 1, m.stream));
          return cuStreamQuery(m.stream);
        });

    on("cuStreamWaitEvent");
    ok("never recorded", m -> cuStreamWaitEvent(m.stream, m.event, 0));
    fails("null event", INVALID_HANDLE, m -> cuStreamWaitEvent(m.stream, new CUevent(), 0));

    on("cuStreamGetFlags");
    ok("", m -> cuStreamGetFlags(m.stream, m.ints), m -> assertEquals(1, m.ints[0]));

    on("cuStreamGetPriority");
    ok("", m -> cuStreamGetPriority(m.stream, m.ints), m -> assertEquals(0, m.ints[0]));

    on("cuStreamGetCtx");
    ok("", m -> cuStreamGetCtx(m.stream, m.out), m -> assertEquals(m.context, m.out));

    on("cuStreamIsCapturing");
    ok("", m -> cuStreamIsCapturing(m.stream, m.ints), m -> assertEquals(0, m.ints[0]));

    on("cuLaunchHostFunc");
    ok(
        "called once, at synchronisation",
        m -> {
          CALLED.set(0);
          return cuLaunchHostFunc(m.stream, COUNT, m);
        },
        m -> {
          assertEquals(0, CALLED.get());
          Machine.ok(cuStreamSynchronize(m.stream));
          assertEquals(1, CALLED.get());
        });
  }

  private void events() {
    on("cuEventCreate");
    ok("", m -> cuEventCreate(new CUevent(), 0));
    fails("no flag", INVALID_VALUE, m -> cuEventCreate(new CUevent(), 0x10));
    fails("timed and interprocess", INVALID_VALUE, m -> cuEventCreate(new CUevent(), 4));

    on("cuEventDestroy_v2");
    ok("", m -> cuEventDestroy(m.event));
    fails("null", INVALID_HANDLE, m -> cuEventDestroy(new CUevent()));

    on("cuEventRecord");
    ok("", m -> cuEventRecord(m.event, m.stream));
    fails("null", INVALID_HANDLE, m -> cuEventRecord(new CUevent(), m.stream));

    on("cuEventRecordWithFlags");
    ok("", m -> cuEventRecordWithFlags(m.event, m.stream, 0));
    fails("no flag", INVALID_VALUE, m -> cuEventRecordWithFlags(m.event, m.stream, 8));

    on("cuEventQuery");
    ok("never recorded", m -> cuEventQuery(m.event));
    fails(
        "not reached",
        NOT_READY,
        m -> {
          Machine.ok(cuMemsetD32Async(m.memory, 3, 1, m.stream));
          Machine.ok(cuEventRecord(m.event, m.stream));
          return cuEventQuery(m.event);
        });

    on("cuEventSynchronize");
    ok(
        "",
        m -> {
          Machine.ok(cuEventRecord(m.event, m.stream));
          return cuEventSynchronize(m.event);
        },
        m -> assertEquals(0, cuEventQuery(m.event)));
    fails("null", INVALID_HANDLE, m -> cuEventSynchronize(new CUevent()));

    on("cuEventElapsedTime");
    ok("grows", this::elapsed, m -> assertTrue(milliseconds[0] > 0));
    fails(
        "never recorded", INVALID_HANDLE, m -> cuEventElapsedTime(milliseconds, m.event, m.event));
    fails(
        "not reached",
        NOT_READY,
        m -> {
          Machine.ok(cuEventRecord(m.event, m.stream));
          return cuEventElapsedTime(milliseconds, m.event, m.event);
        });
  }

  private int elapsed(Machine m) {
    CUevent end = new CUevent();
    Machine.ok(cuEventCreate(end, 0));
    Machine.ok(cuEventRecord(m.event, m.stream));
    Machine.ok(cuMemsetD32Async(m.memory, 3, 1, m.stream));
    Machine.ok(cuEventRecord(end, m.stream));
    Machine.ok(cuEventSynchronize(end));
    return cuEventElapsedTime(milliseconds, m.event, end);
  }
}
