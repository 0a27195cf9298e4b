package dev.warpwright.softgpu;

import static jcuda.driver.JCudaDriver.*;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import jcuda.driver.CUcontext;
import jcuda.driver.CUdevice;
import jcuda.driver.CUdeviceptr;
import org.junit.jupiter.api.Test;

/** What is said about a test that left something behind. */
@SoftGpuTest
class SoftGpuExtensionTest {

  private static CUdevice openDevice() {
    CUdevice device = new CUdevice();
    CUcontext context = new CUcontext();
    assertEquals(0, cuInit(0));
    assertEquals(0, cuDeviceGet(device, 0));
    assertEquals(0, cuDevicePrimaryCtxRetain(context, device));
    assertEquals(0, cuCtxSetCurrent(context));
    return device;
  }

  @Test
  void memoryThatIsNotFreedIsNamed(SoftGpu gpu) {
    openDevice();
    CUdeviceptr leaked = new CUdeviceptr();
    assertEquals(0, cuMemAlloc(leaked, 100));
    String complaint = gpu.complaints().getFirst();
    assertTrue(complaint.contains("SoftGpuExtensionTest.java:"), complaint);
    assertTrue(complaint.contains("of 100 bytes"), complaint);
    assertEquals(0, cuMemFree(leaked));
  }

  @Test
  @SoftGpuTest(
      devices = {"A100", "A100"},
      memoryBytes = 1000,
      driverVersion = 12_080)
  void theAnnotationDescribesTheMachine() {
    int[] value = new int[1];
    openDevice();
    assertEquals(0, cuDeviceGetCount(value));
    assertEquals(2, value[0]);
    assertEquals(0, cuDriverGetVersion(value));
    assertEquals(12_080, value[0]);
    assertEquals(CudaResult.OUT_OF_MEMORY.code(), cuMemAlloc(new CUdeviceptr(), 1001));
  }
}
