package dev.warpwright.softgpu;

import static jcuda.driver.JCudaDriver.*;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.ToIntFunction;
import jcuda.Pointer;
import jcuda.driver.CUcontext;
import jcuda.driver.CUdevice;
import jcuda.driver.CUdeviceptr;
import jcuda.driver.CUevent;
import jcuda.driver.CUstream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Late copies: what is not ordered shows stale data, and what is ordered never does. */
@EnabledOnOs(value = OS.LINUX, architectures = "amd64")
class CopyDelayTest {
  private static final int SEEDS = 60;
  private static final int MOST = 8;
  private static final int STALE = 1;
  private static final int FRESH = 2;

  /** Pinned memory that holds FRESH, device memory and pinned memory that hold STALE. */
  private static final class Machine {
    final CUstream first = new CUstream();
    final CUstream second = new CUstream();
    final CUevent event = new CUevent();
    final CUdeviceptr device = new CUdeviceptr();
    final CUdeviceptr other = new CUdeviceptr();
    final Pointer from = new Pointer();
    final Pointer to = new Pointer();

    Machine() {
      CUdevice ordinal = new CUdevice();
      CUcontext context = new CUcontext();
      ok(cuInit(0));
      ok(cuDeviceGet(ordinal, 0));
      ok(cuDevicePrimaryCtxRetain(context, ordinal));
      ok(cuCtxSetCurrent(context));
      ok(cuStreamCreate(first, 1));
      ok(cuStreamCreate(second, 1));
      ok(cuEventCreate(event, 0));
      ok(cuMemAlloc(device, 4));
      ok(cuMemAlloc(other, 4));
      ok(cuMemHostAlloc(from, 4, 0));
      ok(cuMemHostAlloc(to, 4, 0));
      number(from).putInt(0, FRESH);
      number(to).putInt(0, STALE);
      ok(cuMemsetD32(device, STALE, 1));
      ok(cuMemsetD32(other, STALE, 1));
      ok(cuCtxSynchronize());
    }

    /** What the target holds now. */
    int seen() {
      return number(to).getInt(0);
    }
  }

  private static ByteBuffer number(Pointer pinned) {
    return pinned.getByteBuffer(0, 4).order(ByteOrder.nativeOrder());
  }

  private static void ok(int result) {
    assertEquals(CudaResult.SUCCESS, CudaResult.of(result));
  }

  /** What a program sees, over many seeds. */
  private static Set<Integer> outcomes(Progress progress, ToIntFunction<Machine> program) {
    Set<Integer> outcomes = new TreeSet<>();
    for (long seed = 0; seed < SEEDS; seed++) {
      SoftGpuOptions options = SoftGpuOptions.standard().withProgress(progress).withSeed(seed);
      try (SoftGpu gpu = SoftGpu.open(options)) {
        Machine machine = new Machine();
        gpu.faults().delayCopies(MOST);
        outcomes.add(program.applyAsInt(machine));
        gpu.drain();
        assertEquals(FRESH, machine.seen(), "a late copy comes in the end");
        assertEquals(List.of(), gpu.takeInternalErrors());
        assertEquals(List.of(), gpu.takeFindings());
      }
    }
    return outcomes;
  }

  private static void toDevice(Machine m, CUstream stream) {
    ok(cuMemcpyHtoDAsync(m.device, m.from, 4, stream));
  }

  private static void toHost(Machine m, CUdeviceptr from, CUstream stream) {
    ok(cuMemcpyDtoHAsync(m.to, from, 4, stream));
  }

  @ParameterizedTest
  @EnumSource(Progress.class)
  void nobodyWaits(Progress progress) {
    assertEquals(
        Set.of(STALE),
        outcomes(
            progress,
            m -> {
              toDevice(m, m.first);
              toHost(m, m.device, m.first);
              return m.seen();
            }));
  }

  @ParameterizedTest
  @EnumSource(Progress.class)
  void theStreamIsAwaited(Progress progress) {
    assertEquals(
        Set.of(FRESH),
        outcomes(
            progress,
            m -> {
              toDevice(m, m.first);
              toHost(m, m.device, m.first);
              ok(cuStreamSynchronize(m.first));
              return m.seen();
            }));
  }

  /** The second stream may be done before the first one's copy has come. */
  @ParameterizedTest
  @EnumSource(Progress.class)
  void anotherStreamIsAwaited(Progress progress) {
    assertEquals(
        Set.of(STALE, FRESH),
        outcomes(
            progress,
            m -> {
              toDevice(m, m.first);
              ok(cuMemcpyDtoDAsync(m.other, m.device, 4, m.second));
              toHost(m, m.other, m.second);
              ok(cuStreamSynchronize(m.second));
              int seen = m.seen();
              // The test's own end: with order, the fresh value comes through.
              ok(cuCtxSynchronize());
              ok(cuMemcpyDtoD(m.other, m.device, 4));
              ok(cuMemcpyDtoH(m.to, m.other, 4));
              return seen;
            }));
  }

  @ParameterizedTest
  @EnumSource(Progress.class)
  void anEventOrdersTheStreams(Progress progress) {
    assertEquals(
        Set.of(FRESH),
        outcomes(
            progress,
            m -> {
              toDevice(m, m.first);
              ok(cuEventRecord(m.event, m.first));
              ok(cuStreamWaitEvent(m.second, m.event, 0));
              toHost(m, m.device, m.second);
              ok(cuStreamSynchronize(m.second));
              return m.seen();
            }));
  }

  @Test
  void refusesNegativeDelays() {
    try (SoftGpu gpu = SoftGpu.open(SoftGpuOptions.standard())) {
      assertThrows(IllegalArgumentException.class, () -> gpu.faults().delayCopies(-1));
    }
  }
}
