package dev.warpwright.softgpu.driver;

import static dev.warpwright.softgpu.CudaResult.HOST_MEMORY_ALREADY_REGISTERED;
import static dev.warpwright.softgpu.CudaResult.HOST_MEMORY_NOT_REGISTERED;
import static dev.warpwright.softgpu.CudaResult.INVALID_CONTEXT;
import static dev.warpwright.softgpu.CudaResult.INVALID_VALUE;
import static dev.warpwright.softgpu.CudaResult.NOT_FOUND;
import static dev.warpwright.softgpu.CudaResult.NOT_SUPPORTED;
import static dev.warpwright.softgpu.CudaResult.OUT_OF_MEMORY;
import static jcuda.driver.JCudaDriver.*;
import static org.junit.jupiter.api.Assertions.assertEquals;

import jcuda.Pointer;
import jcuda.driver.CUcontext;
import jcuda.driver.CUdeviceptr;

/** Device memory and pinned host memory. */
final class MemoryRows extends Table {
  private static final long TOO_MUCH = 81L << 30;

  MemoryRows() {
    on("cuMemAlloc_v2");
    ok("1 byte", m -> cuMemAlloc(new CUdeviceptr(), 1));
    fails("0 bytes", INVALID_VALUE, m -> cuMemAlloc(new CUdeviceptr(), 0));
    fails("more than there is", OUT_OF_MEMORY, m -> cuMemAlloc(new CUdeviceptr(), TOO_MUCH));
    fails(
        "without a context",
        INVALID_CONTEXT,
        m -> {
          Machine.ok(cuCtxSetCurrent(new CUcontext()));
          return cuMemAlloc(new CUdeviceptr(), 1);
        });

    on("cuMemAllocPitch_v2");
    ok(
        "rows of 100 bytes",
        m -> cuMemAllocPitch(new CUdeviceptr(), m.longs, 100, 7, 4),
        m -> assertEquals(512, m.longs[0]));
    fails(
        "elements of 3 bytes",
        INVALID_VALUE,
        m -> cuMemAllocPitch(new CUdeviceptr(), m.longs, 100, 7, 3));
    fails(
        "more than there is",
        OUT_OF_MEMORY,
        m -> cuMemAllocPitch(new CUdeviceptr(), m.longs, 1 << 20, 1 << 20, 4));

    on("cuMemAllocAsync");
    ok("", m -> cuMemAllocAsync(new CUdeviceptr(), 16, m.stream));
    fails("0 bytes", INVALID_VALUE, m -> cuMemAllocAsync(new CUdeviceptr(), 0, m.stream));

    on("cuMemFree_v2");
    ok("", m -> cuMemFree(m.memory), m -> assertEquals(INVALID_VALUE.code(), cuMemFree(m.memory)));
    fails("an inner address", INVALID_VALUE, m -> cuMemFree(m.memory.withByteOffset(256)));
    fails("null", INVALID_VALUE, m -> cuMemFree(new CUdeviceptr()));

    on("cuMemFreeAsync");
    ok(
        "in the order of the stream",
        m -> {
          Machine.ok(cuMemsetD8Async(m.memory, (byte) 1, Machine.BYTES, m.stream));
          return cuMemFreeAsync(m.memory, m.stream);
        },
        m -> Machine.ok(cuStreamSynchronize(m.stream)));
    fails("null", INVALID_VALUE, m -> cuMemFreeAsync(new CUdeviceptr(), m.stream));

    on("cuMemGetInfo_v2");
    ok(
        "",
        m -> cuMemGetInfo(m.longs, m.moreLongs),
        m -> assertEquals(2 * Machine.BYTES, m.moreLongs[0] - m.longs[0]));

    on("cuMemGetAddressRange_v2");
    ok(
        "of an inner address",
        m -> cuMemGetAddressRange(new CUdeviceptr(), m.longs, m.memory.withByteOffset(8)),
        m -> assertEquals(Machine.BYTES, m.longs[0]));
    fails(
        "of no address",
        NOT_FOUND,
        m -> cuMemGetAddressRange(new CUdeviceptr(), m.longs, new CUdeviceptr()));

    on("cuPointerGetAttribute");
    ok(
        "memory type",
        m -> cuPointerGetAttribute(m.hostPointer(), 2, m.memory),
        m -> assertEquals(2, m.host.getInt(0)));
    ok(
        "range size",
        m -> cuPointerGetAttribute(m.hostPointer(), 12, m.memory),
        m -> assertEquals(Machine.BYTES, m.host.getLong(0)));
    fails(
        "of no address",
        INVALID_VALUE,
        m -> cuPointerGetAttribute(m.hostPointer(), 2, new CUdeviceptr()));
    fails("unknown", NOT_SUPPORTED, m -> cuPointerGetAttribute(m.hostPointer(), 99, m.memory));

    on("cuMemHostAlloc");
    ok("", m -> cuMemHostAlloc(new Pointer(), 4096, 0));
    fails("0 bytes", INVALID_VALUE, m -> cuMemHostAlloc(new Pointer(), 0, 0));
    fails("no flag", INVALID_VALUE, m -> cuMemHostAlloc(new Pointer(), 16, 0x100));

    on("cuMemAllocHost_v2");
    ok("", m -> cuMemAllocHost(new Pointer(), 4096));
    fails("0 bytes", INVALID_VALUE, m -> cuMemAllocHost(new Pointer(), 0));

    on("cuMemFreeHost");
    ok("", m -> cuMemFreeHost(m.pinned()));
    fails("memory of the caller", INVALID_VALUE, m -> cuMemFreeHost(m.hostPointer()));

    on("cuMemHostRegister_v2");
    ok("", m -> cuMemHostRegister(m.hostPointer(), Machine.BYTES, 0));
    fails(
        "twice",
        HOST_MEMORY_ALREADY_REGISTERED,
        m -> {
          Machine.ok(cuMemHostRegister(m.hostPointer(), Machine.BYTES, 0));
          return cuMemHostRegister(m.hostPointer(), 1, 0);
        });
    fails("0 bytes", INVALID_VALUE, m -> cuMemHostRegister(m.hostPointer(), 0, 0));

    on("cuMemHostUnregister");
    ok(
        "",
        m -> {
          Machine.ok(cuMemHostRegister(m.hostPointer(), Machine.BYTES, 0));
          return cuMemHostUnregister(m.hostPointer());
        });
    fails("not registered", HOST_MEMORY_NOT_REGISTERED, m -> cuMemHostUnregister(m.hostPointer()));

    on("cuMemHostGetFlags");
    ok(
        "",
        m -> cuMemHostGetFlags(m.ints, m.pinned()),
        m -> assertEquals(CU_MEMHOSTALLOC_PORTABLE, m.ints[0]));
    fails("not pinned", INVALID_VALUE, m -> cuMemHostGetFlags(m.ints, m.hostPointer()));
  }
}
