package dev.warpwright.softgpu;

import static jcuda.driver.JCudaDriver.*;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;

import dev.warpwright.softgpu.sim.DeviceProfile;
import dev.warpwright.softgpu.sim.SimFault;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.List;
import jcuda.NativePointerObject;
import jcuda.Pointer;
import jcuda.driver.CUcontext;
import jcuda.driver.CUdevice;
import jcuda.driver.CUdeviceptr;
import jcuda.driver.CUfunction;
import jcuda.driver.CUmodule;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;

/** Two devices: whose memory an address is, and who may use it. */
@EnabledOnOs(value = OS.LINUX, architectures = "amd64")
class PeerTest {
  private static final int BYTES = 64;

  /** Copies an int. */
  private static final String FETCH =
      """
      .version 8.0
      .target sm_80
      .address_size 64
      .visible .entry fetch(.param .u64 p_to, .param .u64 p_from)
      {
        .reg .b32 %r<2>;
        .reg .b64 %rd<3>;
        ld.param.u64 %rd1, [p_to];
        ld.param.u64 %rd2, [p_from];
        ld.global.u32 %r1, [%rd2];
        st.global.u32 [%rd1], %r1;
        ret;
      }
      """;

  /** A pointer whose value can be asked for. */
  private static final class Address extends CUdeviceptr {
    long value() {
      return getNativePointer();
    }
  }

  /** A device with memory full of a number. Its context is current when this returns. */
  private static final class Side {
    final CUcontext context = new CUcontext();
    final Address memory = new Address();

    Side(int ordinal, int value) {
      CUdevice device = new CUdevice();
      ok(cuDeviceGet(device, ordinal));
      ok(cuDevicePrimaryCtxRetain(context, device));
      ok(cuCtxSetCurrent(context));
      ok(cuMemAlloc(memory, BYTES));
      ok(cuMemsetD32(memory, value, BYTES / 4));
      ok(cuCtxSynchronize());
    }

    int read() {
      ByteBuffer host = ByteBuffer.allocateDirect(4).order(ByteOrder.nativeOrder());
      ok(cuMemcpyDtoH(Pointer.to(host), memory, 4));
      return host.getInt(0);
    }

    void free() {
      ok(cuCtxSetCurrent(context));
      ok(cuMemFree(memory));
    }
  }

  private interface Program {
    void run(SoftGpu gpu, Side here, Side there);
  }

  private static void ok(int result) {
    assertEquals(CudaResult.SUCCESS, CudaResult.of(result));
  }

  /** Runs with two devices; the context of the first one is current. */
  private static void run(Program program) {
    run(DeviceProfile.H100, program);
  }

  private static void run(DeviceProfile second, Program program) {
    try (SoftGpu gpu = SoftGpu.open(SoftGpuOptions.on(DeviceProfile.H100, second))) {
      ok(cuInit(0));
      Side there = new Side(1, 42);
      Side here = new Side(0, 7);
      program.run(gpu, here, there);
      assertEquals(List.of(), gpu.takeInternalErrors());
    }
  }

  /** Launches the copying kernel on the current device and waits. */
  private static CudaResult fetch(NativePointerObject to, NativePointerObject from) {
    CUmodule module = new CUmodule();
    CUfunction function = new CUfunction();
    ok(cuModuleLoadData(module, FETCH));
    ok(cuModuleGetFunction(function, module, "fetch"));
    Pointer parameters = Pointer.to(Pointer.to(to), Pointer.to(from));
    ok(cuLaunchKernel(function, 1, 1, 1, 1, 1, 1, 0, null, parameters, null));
    return CudaResult.of(cuCtxSynchronize());
  }

  @Test
  void addressesOfTwoDevicesDiffer() {
    run(
        (gpu, here, there) -> {
          assertNotEquals(here.memory.value(), there.memory.value());
          int[] ordinal = new int[1];
          int deviceOrdinal = 9;
          ok(cuPointerGetAttribute(Pointer.to(ordinal), deviceOrdinal, there.memory));
          assertEquals(1, ordinal[0]);
        });
  }

  @Test
  void copiesFindTheDeviceOfAnAddress() {
    run(
        (gpu, here, there) -> {
          assertEquals(42, there.read());
          ok(cuMemcpyDtoD(here.memory, there.memory, BYTES));
          assertEquals(42, here.read());
        });
  }

  @Test
  void aKernelReachesAPeerOnlyWhenItWasAllowedTo() {
    run(
        (gpu, here, there) -> {
          ok(cuCtxEnablePeerAccess(there.context, 0));
          assertEquals(CudaResult.SUCCESS, fetch(here.memory, there.memory));
          assertEquals(42, here.read());
          ok(cuCtxDisablePeerAccess(there.context));
          assertEquals(CudaResult.ILLEGAL_ADDRESS, fetch(here.memory, there.memory));
          assertEquals(SimFault.Kind.OUT_OF_BOUNDS, gpu.takeFindings().getFirst().kind());
        });
  }

  @Test
  void devicesOfTwoGenerationsOnlyCopy() {
    run(
        DeviceProfile.A100,
        (gpu, here, there) -> {
          int[] can = {9};
          CUdevice first = new CUdevice();
          CUdevice second = new CUdevice();
          ok(cuDeviceGet(first, 0));
          ok(cuDeviceGet(second, 1));
          ok(cuDeviceCanAccessPeer(can, first, second));
          assertEquals(0, can[0]);
          assertEquals(
              CudaResult.PEER_ACCESS_UNSUPPORTED,
              CudaResult.of(cuCtxEnablePeerAccess(there.context, 0)));
          ok(cuMemcpyPeer(here.memory, here.context, there.memory, there.context, BYTES));
          assertEquals(42, here.read());
        });
  }

  @Test
  void accessGoesOneWay() {
    run(
        (gpu, here, there) -> {
          ok(cuCtxEnablePeerAccess(there.context, 0));
          ok(cuCtxSetCurrent(there.context));
          assertEquals(CudaResult.ILLEGAL_ADDRESS, fetch(there.memory, here.memory));
          assertEquals(1, gpu.takeFindings().size());
        });
  }

  @Test
  void aPeersFreedMemoryIsGone() {
    run(
        (gpu, here, there) -> {
          ok(cuCtxEnablePeerAccess(there.context, 0));
          there.free();
          ok(cuCtxSetCurrent(here.context));
          assertEquals(CudaResult.ILLEGAL_ADDRESS, fetch(here.memory, there.memory));
          assertEquals(1, gpu.takeFindings().size());
        });
  }

  @Test
  void anotherDevicesFailureLeavesThisOneAlone() {
    run(
        (gpu, here, there) -> {
          gpu.faults().loseDevice(1, CudaResult.DEVICE_UNAVAILABLE);
          assertEquals(7, here.read());
          ok(cuCtxSynchronize());
        });
  }
}
