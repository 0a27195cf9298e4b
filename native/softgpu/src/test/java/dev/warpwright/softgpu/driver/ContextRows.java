package dev.warpwright.softgpu.driver;

import static dev.warpwright.softgpu.CudaResult.CONTEXT_IS_DESTROYED;
import static dev.warpwright.softgpu.CudaResult.INVALID_CONTEXT;
import static dev.warpwright.softgpu.CudaResult.INVALID_VALUE;
import static dev.warpwright.softgpu.CudaResult.UNSUPPORTED_LIMIT;
import static jcuda.driver.JCudaDriver.*;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;

import jcuda.driver.CUcontext;
import jcuda.driver.CUdevice;

/** Primary and other contexts. */
final class ContextRows extends Table {
  ContextRows() {
    on("cuDevicePrimaryCtxRetain");
    ok(
        "again",
        m -> cuDevicePrimaryCtxRetain(m.out, m.device),
        m -> assertEquals(m.context, m.out));

    on("cuDevicePrimaryCtxRelease_v2");
    ok(
        "the last one destroys",
        m -> cuDevicePrimaryCtxRelease(m.device),
        m -> assertEquals(CONTEXT_IS_DESTROYED.code(), cuCtxSynchronize()));
    fails(
        "more often than retained",
        INVALID_CONTEXT,
        m -> {
          Machine.ok(cuDevicePrimaryCtxRelease(m.device));
          return cuDevicePrimaryCtxRelease(m.device);
        });

    on("cuDevicePrimaryCtxReset_v2");
    ok(
        "destroys",
        m -> cuDevicePrimaryCtxReset(m.device),
        m -> assertEquals(CONTEXT_IS_DESTROYED.code(), cuCtxSynchronize()));

    on("cuDevicePrimaryCtxSetFlags_v2");
    ok("blocking wait", m -> cuDevicePrimaryCtxSetFlags(m.device, 4));
    fails("no flag", INVALID_VALUE, m -> cuDevicePrimaryCtxSetFlags(m.device, 0x1000));

    on("cuDevicePrimaryCtxGetState");
    ok(
        "active",
        m -> cuDevicePrimaryCtxGetState(m.device, m.ints, m.moreInts),
        m -> assertEquals(1, m.moreInts[0]));

    on("cuCtxCreate_v2");
    ok(
        "becomes current",
        m -> cuCtxCreate(m.out, 0, m.device),
        m -> assertEquals(m.out, current()));
    fails("no flag", INVALID_VALUE, m -> cuCtxCreate(m.out, 0x1000, m.device));

    on("cuCtxDestroy_v2");
    ok(
        "a created one",
        m -> {
          Machine.ok(cuCtxCreate(m.out, 0, m.device));
          return cuCtxDestroy(m.out);
        },
        m -> assertEquals(m.context, current()));
    fails("the primary one", INVALID_CONTEXT, m -> cuCtxDestroy(m.context));
    fails("null", INVALID_CONTEXT, m -> cuCtxDestroy(new CUcontext()));

    on("cuCtxPushCurrent_v2");
    ok("", m -> cuCtxPushCurrent(m.context), m -> assertEquals(m.context, current()));
    fails("null", INVALID_CONTEXT, m -> cuCtxPushCurrent(new CUcontext()));

    on("cuCtxPopCurrent_v2");
    ok("", m -> cuCtxPopCurrent(m.out), m -> assertEquals(m.context, m.out));
    fails(
        "from an empty stack",
        INVALID_CONTEXT,
        m -> {
          Machine.ok(cuCtxPopCurrent(m.out));
          return cuCtxPopCurrent(m.out);
        });

    on("cuCtxSetCurrent");
    ok(
        "null",
        m -> cuCtxSetCurrent(new CUcontext()),
        m -> assertEquals(INVALID_CONTEXT.code(), cuCtxSynchronize()));
    fails(
        "a destroyed one",
        INVALID_CONTEXT,
        m -> {
          Machine.ok(cuDevicePrimaryCtxReset(m.device));
          return cuCtxSetCurrent(m.context);
        });

    on("cuCtxGetCurrent");
    ok("", m -> cuCtxGetCurrent(m.out), m -> assertEquals(m.context, m.out));
    ok(
        "when there is none",
        m -> {
          Machine.ok(cuCtxSetCurrent(new CUcontext()));
          return cuCtxGetCurrent(m.out);
        },
        m -> assertNotEquals(m.context, m.out));

    on("cuCtxGetDevice");
    ok("", m -> cuCtxGetDevice(new CUdevice()));
    fails(
        "without a context",
        INVALID_CONTEXT,
        m -> {
          Machine.ok(cuCtxSetCurrent(new CUcontext()));
          return cuCtxGetDevice(new CUdevice());
        });

    on("cuCtxGetFlags");
    ok("", m -> cuCtxGetFlags(m.ints), m -> assertEquals(0, m.ints[0]));

    on("cuCtxGetApiVersion");
    ok("", m -> cuCtxGetApiVersion(m.context, m.ints));

    on("cuCtxGetStreamPriorityRange");
    ok(
        "",
        m -> cuCtxGetStreamPriorityRange(m.ints, m.moreInts),
        m -> assertEquals(-5, m.moreInts[0]));

    on("cuCtxSetLimit");
    ok("stack size", m -> cuCtxSetLimit(0, 2048));
    fails("no limit", UNSUPPORTED_LIMIT, m -> cuCtxSetLimit(99, 1));

    on("cuCtxGetLimit");
    ok(
        "as set",
        m -> {
          Machine.ok(cuCtxSetLimit(0, 2048));
          return cuCtxGetLimit(m.longs, 0);
        },
        m -> assertEquals(2048, m.longs[0]));
    fails("no limit", UNSUPPORTED_LIMIT, m -> cuCtxGetLimit(m.longs, 99));

    on("cuCtxSynchronize");
    ok("", m -> cuCtxSynchronize());
    fails(
        "without a context",
        INVALID_CONTEXT,
        m -> {
          Machine.ok(cuCtxSetCurrent(new CUcontext()));
          return cuCtxSynchronize();
        });
  }

  private static CUcontext current() {
    CUcontext current = new CUcontext();
    Machine.ok(cuCtxGetCurrent(current));
    return current;
  }
}
