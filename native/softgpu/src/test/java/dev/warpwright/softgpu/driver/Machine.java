package dev.warpwright.softgpu.driver;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import jcuda.Pointer;
import jcuda.driver.CUcontext;
import jcuda.driver.CUdevice;
import jcuda.driver.CUdeviceptr;
import jcuda.driver.CUevent;
import jcuda.driver.CUfunction;
import jcuda.driver.CUmodule;
import jcuda.driver.CUstream;
import jcuda.driver.JCudaDriver;

/** What most calls need: a device with a current context, memory, a stream, an event. */
final class Machine {
  static final int BYTES = 1024;

  /** Stores its argument at its pointer; one thread. */
  static final String STORE =
      """
      .version 8.0
      .target sm_80
      .address_size 64
      .global .align 4 .u32 counter = 7;
      .visible .entry store(.param .u64 p_out, .param .u32 p_value)
      {
        .reg .b32 %r<2>;
        .reg .b64 %rd<3>;
        ld.param.u64 %rd1, [p_out];
        ld.param.u32 %r1, [p_value];
        cvta.to.global.u64 %rd2, %rd1;
        st.global.u32 [%rd2], %r1;
        ret;
      }
      """;

  final CUdevice device = new CUdevice();
  final CUcontext context = new CUcontext();
  final CUcontext out = new CUcontext();
  final CUdeviceptr memory = new CUdeviceptr();
  final CUdeviceptr other = new CUdeviceptr();
  final CUstream stream = new CUstream();
  final CUevent event = new CUevent();
  final ByteBuffer host = direct(BYTES);

  // Where calls put their answers.
  final int[] ints = new int[1];
  final int[] moreInts = new int[1];
  final long[] longs = new long[1];
  final long[] moreLongs = new long[1];
  final String[] text = new String[1];

  Machine() {
    ok(JCudaDriver.cuInit(0));
    ok(JCudaDriver.cuDeviceGet(device, 0));
    ok(JCudaDriver.cuDevicePrimaryCtxRetain(context, device));
    ok(JCudaDriver.cuCtxSetCurrent(context));
    ok(JCudaDriver.cuMemAlloc(memory, BYTES));
    ok(JCudaDriver.cuMemAlloc(other, BYTES));
    ok(JCudaDriver.cuStreamCreate(stream, 1));
    ok(JCudaDriver.cuEventCreate(event, 0));
  }

  /** Pinned memory of the driver's. */
  Pointer pinned() {
    Pointer pinned = new Pointer();
    ok(JCudaDriver.cuMemHostAlloc(pinned, BYTES, JCudaDriver.CU_MEMHOSTALLOC_PORTABLE));
    return pinned;
  }

  /** Fills memory with an int, and waits. */
  void fill(CUdeviceptr target, int value) {
    ok(JCudaDriver.cuMemsetD32(target, value, BYTES / 4));
    ok(JCudaDriver.cuCtxSynchronize());
  }

  Pointer hostPointer() {
    return Pointer.to(host);
  }

  static ByteBuffer direct(int bytes) {
    return ByteBuffer.allocateDirect(bytes).order(ByteOrder.nativeOrder());
  }

  /** Text with a zero byte behind it, outside the Java heap. */
  static Pointer direct(String text) {
    byte[] bytes = text.getBytes(StandardCharsets.US_ASCII);
    return Pointer.to(direct(bytes.length + 1).put(0, bytes));
  }

  static void ok(int result) {
    assertEquals(0, result, () -> "result " + result);
  }

  CUmodule module() {
    CUmodule module = new CUmodule();
    ok(JCudaDriver.cuModuleLoadData(module, STORE));
    return module;
  }

  CUfunction function() {
    CUfunction function = new CUfunction();
    ok(JCudaDriver.cuModuleGetFunction(function, module(), "store"));
    return function;
  }

  /** Parameters of the kernel: the machine's memory and a number. */
  Pointer parameters(int value) {
    Pointer number = Pointer.to(direct(4).putInt(0, value));
    return Pointer.to(Pointer.to(memory), number);
  }

  /** What is in the machine's memory, an int at {@code index}, after everything is done. */
  int read(int index) {
    ok(JCudaDriver.cuCtxSynchronize());
    ok(JCudaDriver.cuMemcpyDtoH(Pointer.to(host), memory, BYTES));
    return host.getInt(4 * index);
  }
}
