package dev.warpwright.softgpu.driver;

import static dev.warpwright.softgpu.CudaResult.INVALID_VALUE;
import static dev.warpwright.softgpu.CudaResult.NOT_SUPPORTED;
import static jcuda.driver.JCudaDriver.*;
import static org.junit.jupiter.api.Assertions.assertEquals;

import jcuda.Pointer;
import jcuda.driver.CUDA_MEMCPY2D;
import jcuda.driver.CUdeviceptr;
import jcuda.driver.CUmemorytype;

/** Copies and fills. */
final class CopyRows extends Table {
  private static final int N = Machine.BYTES;

  CopyRows() {
    copies();
    queuedCopies();
    copies2D();
    fills();
    queuedFills();
  }

  private void copies() {
    on("cuMemcpyHtoD_v2");
    ok(
        "",
        m -> {
          m.host.putInt(4, 42);
          return cuMemcpyHtoD(m.memory, m.hostPointer(), N);
        },
        m -> assertEquals(42, m.read(1)));
    ok("0 bytes", m -> cuMemcpyHtoD(m.memory, m.hostPointer(), 0));
    fails("too long", INVALID_VALUE, m -> cuMemcpyHtoD(m.memory, m.hostPointer(), N + 1));
    fails("from null", INVALID_VALUE, m -> cuMemcpyHtoD(m.memory, new Pointer(), N));
    fails("to null", INVALID_VALUE, m -> cuMemcpyHtoD(new CUdeviceptr(), m.hostPointer(), N));

    on("cuMemcpyDtoH_v2");
    ok("", m -> cuMemcpyDtoH(m.hostPointer(), m.memory, N));
    fails("to null", INVALID_VALUE, m -> cuMemcpyDtoH(new Pointer(), m.memory, N));
    fails("from null", INVALID_VALUE, m -> cuMemcpyDtoH(m.hostPointer(), new CUdeviceptr(), N));

    on("cuMemcpyDtoD_v2");
    ok(
        "",
        m -> {
          m.fill(m.other, 9);
          return cuMemcpyDtoD(m.memory, m.other, N);
        },
        m -> assertEquals(9, m.read(0)));
    fails("too long", INVALID_VALUE, m -> cuMemcpyDtoD(m.memory, m.other, N + 1));

    on("cuMemcpy");
    ok("", m -> cuMemcpy(m.memory, m.other, N));
    fails("from null", INVALID_VALUE, m -> cuMemcpy(m.memory, new CUdeviceptr(), N));
  }

  private void queuedCopies() {
    on("cuMemcpyHtoDAsync_v2");
    ok(
        "from pageable memory, which is read at once",
        m -> {
          m.host.putInt(0, 42);
          int result = cuMemcpyHtoDAsync(m.memory, m.hostPointer(), N, m.stream);
          m.host.putInt(0, 43);
          return result;
        },
        m -> assertEquals(42, m.read(0)));
    ok(
        "from pinned memory, which is read later",
        m -> {
          Machine.ok(cuMemHostRegister(m.hostPointer(), N, 0));
          m.host.putInt(0, 42);
          int result = cuMemcpyHtoDAsync(m.memory, m.hostPointer(), N, m.stream);
          m.host.putInt(0, 43);
          return result;
        },
        m -> assertEquals(43, m.read(0)));
    fails("from null", INVALID_VALUE, m -> cuMemcpyHtoDAsync(m.memory, new Pointer(), N, m.stream));

    on("cuMemcpyDtoHAsync_v2");
    ok(
        "to pageable memory, which is written at once",
        m -> {
          m.fill(m.memory, 5);
          return cuMemcpyDtoHAsync(m.hostPointer(), m.memory, N, null);
        },
        m -> assertEquals(5, m.host.getInt(0)));
    ok(
        "to pinned memory, which is written later",
        m -> {
          Machine.ok(cuMemHostRegister(m.hostPointer(), N, 0));
          m.fill(m.memory, 5);
          return cuMemcpyDtoHAsync(m.hostPointer(), m.memory, N, null);
        },
        m -> {
          assertEquals(0, m.host.getInt(0));
          Machine.ok(cuStreamSynchronize(null));
          assertEquals(5, m.host.getInt(0));
        });
    fails("to null", INVALID_VALUE, m -> cuMemcpyDtoHAsync(new Pointer(), m.memory, N, m.stream));

    on("cuMemcpyDtoDAsync_v2");
    ok("", m -> cuMemcpyDtoDAsync(m.memory, m.other, N, m.stream));
    fails("too long", INVALID_VALUE, m -> cuMemcpyDtoDAsync(m.memory, m.other, N + 1, m.stream));

    on("cuMemcpyAsync");
    ok("", m -> cuMemcpyAsync(m.memory, m.other, N, m.stream));
    fails("to null", INVALID_VALUE, m -> cuMemcpyAsync(new CUdeviceptr(), m.other, N, m.stream));
  }

  private void copies2D() {
    on("cuMemcpy2D_v2");
    ok(
        "two ints of each of three rows",
        m -> {
          m.host.putInt(0, 1).putInt(4, 2).putInt(100, 3).putInt(104, 4).putInt(204, 6);
          return cuMemcpy2D(rows(m, 8, 3));
        },
        m -> {
          assertEquals(3, m.read(4));
          assertEquals(6, m.read(9));
        });
    fails("rows wider than the pitch", INVALID_VALUE, m -> cuMemcpy2D(rows(m, 101, 3)));
    fails("over the end", INVALID_VALUE, m -> cuMemcpy2D(rows(m, 8, 65)));
    fails(
        "from an array",
        NOT_SUPPORTED,
        m -> {
          CUDA_MEMCPY2D copy = rows(m, 8, 3);
          copy.srcMemoryType = CUmemorytype.CU_MEMORYTYPE_ARRAY;
          return cuMemcpy2D(copy);
        });

    on("cuMemcpy2DUnaligned_v2");
    ok("", m -> cuMemcpy2DUnaligned(rows(m, 8, 3)));
    fails("over the end", INVALID_VALUE, m -> cuMemcpy2DUnaligned(rows(m, 8, 65)));

    on("cuMemcpy2DAsync_v2");
    ok("", m -> cuMemcpy2DAsync(rows(m, 8, 3), m.stream));
    fails("over the end", INVALID_VALUE, m -> cuMemcpy2DAsync(rows(m, 8, 65), m.stream));
  }

  /** From host rows of 100 bytes to device rows of 16 bytes. */
  private static CUDA_MEMCPY2D rows(Machine m, long width, long height) {
    CUDA_MEMCPY2D copy = new CUDA_MEMCPY2D();
    copy.srcMemoryType = CUmemorytype.CU_MEMORYTYPE_HOST;
    copy.srcHost = m.hostPointer();
    copy.srcPitch = 100;
    copy.dstMemoryType = CUmemorytype.CU_MEMORYTYPE_DEVICE;
    copy.dstDevice = m.memory;
    copy.dstPitch = 16;
    copy.WidthInBytes = width;
    copy.Height = height;
    return copy;
  }

  private void fills() {
    on("cuMemsetD8_v2");
    ok("", m -> cuMemsetD8(m.memory, (byte) 0x11, N), m -> assertEquals(0x11111111, m.read(0)));
    fails("too long", INVALID_VALUE, m -> cuMemsetD8(m.memory, (byte) 0, N + 1));

    on("cuMemsetD16_v2");
    ok(
        "",
        m -> cuMemsetD16(m.memory, (short) 0x1234, N / 2),
        m -> assertEquals(0x12341234, m.read(0)));
    fails("misaligned", INVALID_VALUE, m -> cuMemsetD16(m.memory.withByteOffset(1), (short) 0, 1));

    on("cuMemsetD32_v2");
    ok("", m -> cuMemsetD32(m.memory, 0x12345678, 256), m -> assertEquals(0x12345678, m.read(3)));
    fails("misaligned", INVALID_VALUE, m -> cuMemsetD32(m.memory.withByteOffset(2), 0, 1));

    on("cuMemsetD2D8_v2");
    ok(
        "",
        m -> cuMemsetD2D8(m.memory, 16, (byte) 1, 4, 3),
        m -> assertEquals(0x01010101, m.read(8)));
    fails("over the end", INVALID_VALUE, m -> cuMemsetD2D8(m.memory, 16, (byte) 1, 4, 65));

    on("cuMemsetD2D16_v2");
    ok(
        "",
        m -> cuMemsetD2D16(m.memory, 16, (short) 1, 2, 3),
        m -> assertEquals(0x10001, m.read(8)));
    fails("misaligned pitch", INVALID_VALUE, m -> cuMemsetD2D16(m.memory, 15, (short) 1, 2, 3));

    on("cuMemsetD2D32_v2");
    ok("", m -> cuMemsetD2D32(m.memory, 16, 7, 1, 3), m -> assertEquals(7, m.read(8)));
    fails("rows wider than the pitch", INVALID_VALUE, m -> cuMemsetD2D32(m.memory, 16, 7, 5, 3));
  }

  private void queuedFills() {
    on("cuMemsetD8Async");
    ok("", m -> cuMemsetD8Async(m.memory, (byte) 1, N, m.stream));
    fails("too long", INVALID_VALUE, m -> cuMemsetD8Async(m.memory, (byte) 1, N + 1, m.stream));

    on("cuMemsetD16Async");
    ok("", m -> cuMemsetD16Async(m.memory, (short) 1, 1, m.stream));
    fails("null", INVALID_VALUE, m -> cuMemsetD16Async(new CUdeviceptr(), (short) 1, 1, m.stream));

    on("cuMemsetD32Async");
    ok("", m -> cuMemsetD32Async(m.memory, 1, 256, m.stream), m -> assertEquals(1, m.read(255)));
    fails("too long", INVALID_VALUE, m -> cuMemsetD32Async(m.memory, 1, 257, m.stream));

    on("cuMemsetD2D8Async");
    ok("", m -> cuMemsetD2D8Async(m.memory, 16, (byte) 1, 4, 3, m.stream));
    fails(
        "over the end", INVALID_VALUE, m -> cuMemsetD2D8Async(m.memory, 16, (byte) 1, 4, 65, null));

    on("cuMemsetD2D16Async");
    ok("", m -> cuMemsetD2D16Async(m.memory, 16, (short) 1, 2, 3, m.stream));
    fails(
        "over the end",
        INVALID_VALUE,
        m -> cuMemsetD2D16Async(m.memory, 16, (short) 1, 2, 65, null));

    on("cuMemsetD2D32Async");
    ok("", m -> cuMemsetD2D32Async(m.memory, 16, 1, 1, 3, m.stream));
    fails("over the end", INVALID_VALUE, m -> cuMemsetD2D32Async(m.memory, 16, 1, 1, 65, m.stream));
  }
}
