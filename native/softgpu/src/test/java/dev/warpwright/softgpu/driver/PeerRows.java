package dev.warpwright.softgpu.driver;

import static dev.warpwright.softgpu.CudaResult.INVALID_CONTEXT;
import static dev.warpwright.softgpu.CudaResult.INVALID_DEVICE;
import static dev.warpwright.softgpu.CudaResult.INVALID_VALUE;
import static dev.warpwright.softgpu.CudaResult.PEER_ACCESS_ALREADY_ENABLED;
import static dev.warpwright.softgpu.CudaResult.PEER_ACCESS_NOT_ENABLED;
import static dev.warpwright.softgpu.CudaResult.PEER_ACCESS_UNSUPPORTED;
import static dev.warpwright.softgpu.driver.Machine.BYTES;
import static jcuda.driver.JCudaDriver.*;
import static org.junit.jupiter.api.Assertions.assertEquals;

import jcuda.driver.CUcontext;
import jcuda.driver.CUdevice;
import jcuda.driver.CUdeviceptr;

/** Two devices. */
final class PeerRows extends Table {
  private static final int NO_ATTRIBUTE = 99;
  private static final int ACCESS_SUPPORTED = 2;

  /** The second device with memory; the machine's context is current again afterwards. */
  private static final class Second {
    final CUdevice device = new CUdevice();
    final CUcontext context = new CUcontext();
    final CUdeviceptr memory = new CUdeviceptr();

    Second(Machine machine) {
      Machine.ok(cuDeviceGet(device, 1));
      Machine.ok(cuDevicePrimaryCtxRetain(context, device));
      Machine.ok(cuCtxSetCurrent(context));
      Machine.ok(cuMemAlloc(memory, BYTES));
      machine.fill(memory, 42);
      Machine.ok(cuCtxSetCurrent(machine.context));
    }
  }

  PeerRows() {
    on("cuDeviceCanAccessPeer");
    ok(
        "another device",
        m -> cuDeviceCanAccessPeer(m.ints, m.device, new Second(m).device),
        m -> assertEquals(1, m.ints[0]));
    ok(
        "itself",
        m -> cuDeviceCanAccessPeer(m.ints, m.device, m.device),
        m -> assertEquals(0, m.ints[0]));

    on("cuDeviceGetP2PAttribute");
    ok(
        "access",
        m -> cuDeviceGetP2PAttribute(m.ints, ACCESS_SUPPORTED, m.device, new Second(m).device),
        m -> assertEquals(1, m.ints[0]));
    fails(
        "itself",
        INVALID_DEVICE,
        m -> cuDeviceGetP2PAttribute(m.ints, ACCESS_SUPPORTED, m.device, m.device));
    fails(
        "no attribute",
        INVALID_VALUE,
        m -> cuDeviceGetP2PAttribute(m.ints, NO_ATTRIBUTE, m.device, new Second(m).device));

    on("cuCtxEnablePeerAccess");
    ok("another device", m -> cuCtxEnablePeerAccess(new Second(m).context, 0));
    fails("flags 1", INVALID_VALUE, m -> cuCtxEnablePeerAccess(new Second(m).context, 1));
    fails("the current context", INVALID_CONTEXT, m -> cuCtxEnablePeerAccess(m.context, 0));
    fails(
        "another context of the device",
        PEER_ACCESS_UNSUPPORTED,
        m -> {
          Machine.ok(cuCtxCreate(m.out, 0, m.device));
          return cuCtxEnablePeerAccess(m.context, 0);
        });
    fails(
        "no current context",
        INVALID_CONTEXT,
        m -> {
          Second second = new Second(m);
          Machine.ok(cuCtxSetCurrent(new CUcontext()));
          return cuCtxEnablePeerAccess(second.context, 0);
        });
    fails("no context", INVALID_CONTEXT, m -> cuCtxEnablePeerAccess(new CUcontext(), 0));
    fails(
        "twice",
        PEER_ACCESS_ALREADY_ENABLED,
        m -> {
          Second second = new Second(m);
          Machine.ok(cuCtxEnablePeerAccess(second.context, 0));
          return cuCtxEnablePeerAccess(second.context, 0);
        });

    on("cuCtxDisablePeerAccess");
    ok(
        "enabled before",
        m -> {
          Second second = new Second(m);
          Machine.ok(cuCtxEnablePeerAccess(second.context, 0));
          return cuCtxDisablePeerAccess(second.context);
        });
    fails(
        "not enabled", PEER_ACCESS_NOT_ENABLED, m -> cuCtxDisablePeerAccess(new Second(m).context));
    copies();
  }

  private void copies() {
    on("cuMemcpyPeer");
    ok(
        "",
        m -> {
          Second second = new Second(m);
          return cuMemcpyPeer(m.memory, m.context, second.memory, second.context, BYTES);
        },
        m -> assertEquals(42, m.read(3)));
    fails(
        "context of the other device",
        INVALID_VALUE,
        m -> cuMemcpyPeer(m.memory, m.context, m.other, new Second(m).context, BYTES));
    fails(
        "no context",
        INVALID_CONTEXT,
        m -> cuMemcpyPeer(m.memory, m.context, m.other, new CUcontext(), BYTES));
    fails(
        "too long",
        INVALID_VALUE,
        m -> {
          Second second = new Second(m);
          return cuMemcpyPeer(m.memory, m.context, second.memory, second.context, BYTES + 1);
        });

    on("cuMemcpyPeerAsync");
    ok(
        "",
        m -> {
          Second second = new Second(m);
          return cuMemcpyPeerAsync(
              m.memory, m.context, second.memory, second.context, BYTES, m.stream);
        },
        m -> assertEquals(42, m.read(3)));
    fails(
        "too long",
        INVALID_VALUE,
        m -> {
          Second second = new Second(m);
          return cuMemcpyPeerAsync(
              m.memory, m.context, second.memory, second.context, BYTES + 1, m.stream);
        });
  }
}
