package dev.warpwright.softgpu;

import static jcuda.driver.JCudaDriver.*;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.List;
import jcuda.driver.CUcontext;
import jcuda.driver.CUdevice;
import jcuda.driver.CUdeviceptr;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;

/** What counts as a leak. */
@EnabledOnOs(value = OS.LINUX, architectures = "amd64")
class ComplaintsTest {
  private final CUdevice device = new CUdevice();
  private final CUdeviceptr memory = new CUdeviceptr();

  private void allocate() {
    CUcontext context = new CUcontext();
    assertEquals(0, cuInit(0));
    assertEquals(0, cuDeviceGet(device, 0));
    assertEquals(0, cuDevicePrimaryCtxRetain(context, device));
    assertEquals(0, cuCtxSetCurrent(context));
    assertEquals(0, cuMemAlloc(memory, 100));
  }

  @Test
  void memoryThatOnlyTheContextFreed() {
    try (SoftGpu gpu = SoftGpu.open(SoftGpuOptions.standard())) {
      allocate();
      assertEquals(0, cuDevicePrimaryCtxRelease(device));
      assertEquals(1, gpu.complaints().size());
    }
  }

  @Test
  void notMemoryThatAnErrorMadeUnreachable() {
    try (SoftGpu gpu = SoftGpu.open(SoftGpuOptions.standard())) {
      allocate();
      gpu.faults().failCall("cuCtxSynchronize", 1, CudaResult.ILLEGAL_ADDRESS);
      assertEquals(CudaResult.ILLEGAL_ADDRESS.code(), cuCtxSynchronize());
      assertEquals(CudaResult.ILLEGAL_ADDRESS.code(), cuMemFree(memory));
      assertEquals(0, cuDevicePrimaryCtxRelease(device));
      assertEquals(List.of(), gpu.complaints());
    }
  }

  @Test
  void notMemoryOfALostDevice() {
    try (SoftGpu gpu = SoftGpu.open(SoftGpuOptions.standard())) {
      allocate();
      gpu.faults().loseDevice(0, CudaResult.DEVICE_UNAVAILABLE);
      assertEquals(CudaResult.DEVICE_UNAVAILABLE.code(), cuMemFree(memory));
      assertEquals(List.of(), gpu.complaints());
    }
  }
}
