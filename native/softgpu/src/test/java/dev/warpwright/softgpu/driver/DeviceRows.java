package dev.warpwright.softgpu.driver;

import static dev.warpwright.softgpu.CudaResult.INVALID_DEVICE;
import static dev.warpwright.softgpu.CudaResult.INVALID_VALUE;
import static jcuda.driver.JCudaDriver.*;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.nio.charset.StandardCharsets;
import jcuda.driver.CUdevice;
import jcuda.driver.CUuuid;

/** Initialisation, texts and devices. */
final class DeviceRows extends Table {
  private static final int MULTIPROCESSORS = 16;
  private static final int SHARED_OPTIN = 97;

  private final byte[] name = new byte[64];

  @SuppressWarnings("deprecation") // cuDeviceComputeCapability: implemented, so tested
  DeviceRows() {
    on("cuInit");
    ok("flags 0", m -> cuInit(0));
    fails("flags 1", INVALID_VALUE, m -> cuInit(1));

    on("cuDriverGetVersion");
    ok("", m -> cuDriverGetVersion(m.ints), m -> assertEquals(13_000, m.ints[0]));

    on("cuGetErrorName");
    ok(
        "of a code",
        m -> cuGetErrorName(700, m.text),
        m -> assertEquals("CUDA_ERROR_ILLEGAL_ADDRESS", m.text[0]));
    fails("of no code", INVALID_VALUE, m -> cuGetErrorName(12345, m.text));

    on("cuGetErrorString");
    ok(
        "of a code",
        m -> cuGetErrorString(2, m.text),
        m -> assertEquals("out of memory", m.text[0]));
    fails("of no code", INVALID_VALUE, m -> cuGetErrorString(12345, m.text));

    on("cuDeviceGetCount");
    ok("", m -> cuDeviceGetCount(m.ints), m -> assertEquals(2, m.ints[0]));

    on("cuDeviceGet");
    ok("0 of 2", m -> cuDeviceGet(new CUdevice(), 0));
    ok("1 of 2", m -> cuDeviceGet(new CUdevice(), 1));
    fails("2 of 2", INVALID_DEVICE, m -> cuDeviceGet(new CUdevice(), 2));
    fails("-1", INVALID_DEVICE, m -> cuDeviceGet(new CUdevice(), -1));

    on("cuDeviceGetName");
    ok(
        "",
        m -> cuDeviceGetName(name, name.length, m.device),
        m ->
            assertEquals(
                "Software GPU (H100)", new String(name, StandardCharsets.US_ASCII).trim()));
    fails("no room", INVALID_VALUE, m -> cuDeviceGetName(name, 0, m.device));

    on("cuDeviceGetUuid");
    ok("", m -> cuDeviceGetUuid(new CUuuid(), m.device));

    on("cuDeviceGetPCIBusId");
    ok(
        "",
        m -> cuDeviceGetPCIBusId(m.text, 32, m.device),
        m -> assertEquals("0000:01:00.0", m.text[0]));

    on("cuDeviceGetByPCIBusId");
    ok("known", m -> cuDeviceGetByPCIBusId(new CUdevice(), "0000:01:00.0"));
    fails("unknown", INVALID_DEVICE, m -> cuDeviceGetByPCIBusId(new CUdevice(), "0000:99:00.0"));

    on("cuDeviceTotalMem_v2");
    ok("", m -> cuDeviceTotalMem(m.longs, m.device), m -> assertEquals(80L << 30, m.longs[0]));

    on("cuDeviceComputeCapability");
    ok(
        "",
        m -> cuDeviceComputeCapability(m.ints, m.moreInts, m.device),
        m -> assertEquals(90, 10 * m.ints[0] + m.moreInts[0]));

    on("cuDeviceGetAttribute");
    ok(
        "multiprocessors",
        m -> cuDeviceGetAttribute(m.ints, MULTIPROCESSORS, m.device),
        m -> assertEquals(132, m.ints[0]));
    ok(
        "shared memory by opting in",
        m -> cuDeviceGetAttribute(m.ints, SHARED_OPTIN, m.device),
        m -> assertEquals(227 << 10, m.ints[0]));
    fails("no attribute", INVALID_VALUE, m -> cuDeviceGetAttribute(m.ints, 9999, m.device));
  }
}
