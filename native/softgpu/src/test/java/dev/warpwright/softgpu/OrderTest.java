package dev.warpwright.softgpu;

import static jcuda.driver.JCudaDriver.*;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.LongStream;
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

/** Which orders of queued work are possible, and which are not. */
@EnabledOnOs(value = OS.LINUX, architectures = "amd64")
class OrderTest {
  private static final int BLOCKING = 0;
  private static final int NON_BLOCKING = 1;
  private static final int SEEDS = 40;

  /** A device with one int, and two streams. */
  private static final class Machine {
    final CUdeviceptr number = new CUdeviceptr();
    final CUstream first = new CUstream();
    final CUstream second = new CUstream();
    final CUevent event = new CUevent();

    Machine(int flags) {
      CUdevice device = new CUdevice();
      CUcontext context = new CUcontext();
      ok(cuInit(0));
      ok(cuDeviceGet(device, 0));
      ok(cuDevicePrimaryCtxRetain(context, device));
      ok(cuCtxSetCurrent(context));
      ok(cuMemAlloc(number, 4));
      ok(cuStreamCreate(first, flags));
      ok(cuStreamCreate(second, flags));
      ok(cuEventCreate(event, 0));
    }

    void set(int value, CUstream stream) {
      ok(cuMemsetD32Async(number, value, 1, stream));
    }

    int get() {
      ByteBuffer host = ByteBuffer.allocateDirect(4).order(ByteOrder.nativeOrder());
      ok(cuCtxSynchronize());
      ok(cuMemcpyDtoH(Pointer.to(host), number, 4));
      return host.getInt(0);
    }
  }

  private interface Program {
    void run(Machine machine);
  }

  private static void ok(int result) {
    assertEquals(CudaResult.SUCCESS, CudaResult.of(result));
  }

  /** What the number is in the end, over many seeds. */
  private static Set<Integer> outcomes(int flags, Progress progress, Program program) {
    Set<Integer> outcomes = new HashSet<>();
    LongStream.range(0, SEEDS)
        .forEach(
            seed -> {
              SoftGpuOptions options =
                  SoftGpuOptions.standard().withProgress(progress).withSeed(seed);
              try (SoftGpu gpu = SoftGpu.open(options)) {
                Machine machine = new Machine(flags);
                program.run(machine);
                outcomes.add(machine.get());
                assertEquals(List.of(), gpu.takeInternalErrors());
              }
            });
    return outcomes;
  }

  @ParameterizedTest
  @EnumSource(Progress.class)
  void aStreamKeepsItsOrder(Progress progress) {
    Program program =
        m -> {
          for (int i = 1; i <= 9; i++) {
            m.set(i, m.first);
          }
        };
    assertEquals(Set.of(9), outcomes(NON_BLOCKING, progress, program));
  }

  @Test
  void streamsHaveNoOrderAmongThem() {
    Program program =
        m -> {
          m.set(1, m.first);
          m.set(2, m.second);
        };
    assertEquals(Set.of(1, 2), outcomes(NON_BLOCKING, Progress.LAZY, program));
    assertEquals(Set.of(1, 2), outcomes(NON_BLOCKING, Progress.RANDOM, program));
    assertEquals(Set.of(2), outcomes(NON_BLOCKING, Progress.EAGER, program));
  }

  @ParameterizedTest
  @EnumSource(Progress.class)
  void anEventOrdersThem(Progress progress) {
    Program program =
        m -> {
          m.set(1, m.first);
          ok(cuEventRecord(m.event, m.first));
          ok(cuStreamWaitEvent(m.second, m.event, 0));
          m.set(2, m.second);
        };
    assertEquals(Set.of(2), outcomes(NON_BLOCKING, progress, program));
  }

  @Test
  void anEventStandsForTheWorkAtItsRecording() {
    Program program =
        m -> {
          ok(cuEventRecord(m.event, m.first));
          m.set(1, m.first);
          ok(cuStreamWaitEvent(m.second, m.event, 0));
          m.set(2, m.second);
        };
    assertEquals(Set.of(1, 2), outcomes(NON_BLOCKING, Progress.LAZY, program));
  }

  @ParameterizedTest
  @EnumSource(Progress.class)
  void theDefaultStreamOrdersBlockingStreams(Progress progress) {
    Program before =
        m -> {
          m.set(1, m.first);
          m.set(2, null);
        };
    assertEquals(Set.of(2), outcomes(BLOCKING, progress, before));
    Program after =
        m -> {
          m.set(1, null);
          m.set(2, m.first);
        };
    assertEquals(Set.of(2), outcomes(BLOCKING, progress, after));
  }

  @Test
  void theDefaultStreamDoesNotOrderOthers() {
    Program program =
        m -> {
          m.set(1, m.first);
          m.set(2, null);
        };
    assertEquals(Set.of(1, 2), outcomes(NON_BLOCKING, Progress.LAZY, program));
  }

  @Test
  void theSameSeedGivesTheSameOrder() {
    Program program =
        m -> {
          for (int i = 1; i <= 9; i++) {
            m.set(i, i % 2 == 0 ? m.first : m.second);
          }
        };
    for (int seed = 0; seed < 5; seed++) {
      assertEquals(run(seed, program), run(seed, program));
    }
  }

  private static int run(long seed, Program program) {
    try (SoftGpu gpu = SoftGpu.open(SoftGpuOptions.standard().withSeed(seed))) {
      Machine machine = new Machine(NON_BLOCKING);
      program.run(machine);
      assertNotEquals(List.of(), gpu.liveMemory());
      return machine.get();
    }
  }

  /** A copy that is not waited for shows as stale data. */
  @Test
  void withoutSynchronisationDataIsStale() {
    try (SoftGpu gpu = SoftGpu.open(SoftGpuOptions.standard())) {
      Machine machine = new Machine(NON_BLOCKING);
      ByteBuffer host = ByteBuffer.allocateDirect(4).order(ByteOrder.nativeOrder());
      ok(cuMemHostRegister(Pointer.to(host), 4, 0));
      machine.set(7, machine.first);
      ok(cuMemcpyDtoHAsync(Pointer.to(host), machine.number, 4, machine.first));
      assertEquals(0, host.getInt(0));
      ok(cuStreamSynchronize(machine.first));
      assertEquals(7, host.getInt(0));
      assertEquals(2, gpu.liveMemory().size());
    }
  }
}
