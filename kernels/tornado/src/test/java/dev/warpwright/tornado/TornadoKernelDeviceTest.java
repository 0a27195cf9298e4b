package dev.warpwright.tornado;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.KernelDevice;
import dev.warpwright.kernels.KernelSpec;
import dev.warpwright.kernels.LeakDetector;
import dev.warpwright.kernels.Support;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.attention.AppendKvSpec;
import dev.warpwright.kernels.attention.CompactKvSpec;
import dev.warpwright.kernels.attention.Heads;
import dev.warpwright.kernels.attention.KvPool;
import dev.warpwright.kernels.attention.KvPoolSpec;
import dev.warpwright.kernels.attention.MergeSimilarKvSpec;
import dev.warpwright.kernels.attention.RmsNorm;
import dev.warpwright.kernels.attention.RmsNormSpec;
import dev.warpwright.kernels.attention.Rope;
import dev.warpwright.kernels.reduce.TreeReduceSpec;
import dev.warpwright.testkit.ContractTest;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class TornadoKernelDeviceTest {
  private static final int COLUMNS = 512;

  private static float[] normalise(KernelDevice device, int rows, float value) {
    float[] x = new float[rows * COLUMNS];
    float[] weight = new float[COLUMNS];
    float[] y = new float[x.length];
    Arrays.fill(x, value);
    Arrays.fill(weight, 3);
    try (RmsNorm plan = device.attention().rmsNorm(new RmsNormSpec(rows, COLUMNS, 0))) {
      plan.run(
          Tensor.wrap(x, rows, COLUMNS),
          Tensor.wrap(weight, COLUMNS),
          Tensor.wrap(y, rows, COLUMNS));
    }
    return y;
  }

  private static float[] threes(int count) {
    float[] expected = new float[count];
    Arrays.fill(expected, 3);
    return expected;
  }

  /** Each cycle has 8 MiB of arrays, and as much on the device. */
  @Test
  void nothingIsLeftOfDevicesThatAreClosed() throws IOException {
    List<String> reports = new CopyOnWriteArrayList<>();
    Consumer<String> before = LeakDetector.listen(reports::add);
    try {
      long resident = 0;
      for (int cycle = 0; cycle < 100; cycle++) {
        if (cycle == 20) {
          System.gc();
          resident = residentMegabytes();
        }
        try (KernelDevice device = ContractTest.open("tornado", 1)) {
          assertArrayEquals(threes(2048 * COLUMNS), normalise(device, 2048, 2));
        }
      }
      System.gc();
      long grown = residentMegabytes() - resident;
      assertTrue(
          grown < 400, grown + " MB more than after 20 cycles; 80 that leak are 640 or more");
      assertEquals(List.of(), reports);
    } finally {
      LeakDetector.listen(before);
    }
  }

  /** Of the process, less its Java heap, which grows and shrinks as the collector likes. */
  private static long residentMegabytes() throws IOException {
    for (String line : Files.readAllLines(Path.of("/proc/self/status"))) {
      if (line.startsWith("VmRSS:")) {
        long heap = Runtime.getRuntime().totalMemory() >> 20;
        return Long.parseLong(line.replaceAll("\\D", "")) / 1024 - heap;
      }
    }
    throw new IOException("no VmRSS");
  }

  @Test
  void threadsHavePlansOfTheirOwn() throws Exception {
    try (KernelDevice device = ContractTest.open("tornado", 1);
        ExecutorService threads = Executors.newFixedThreadPool(4)) {
      List<Callable<float[]>> calls = new ArrayList<>();
      for (int i = 1; i <= 12; i++) {
        int rows = i;
        calls.add(() -> normalise(device, rows, rows));
      }
      List<Future<float[]>> results = threads.invokeAll(calls);
      for (int i = 0; i < results.size(); i++) {
        assertArrayEquals(threes((i + 1) * COLUMNS), results.get(i).get());
      }
    }
  }

  @Test
  void aClosedDeviceIsRefused() {
    KernelDevice device = ContractTest.open("tornado", 1);
    device.close();
    device.close();
    assertFalse(device.isOpen());
    assertThrows(
        IllegalStateException.class,
        () -> device.attention().rmsNorm(new RmsNormSpec(1, COLUMNS, 0)));
  }

  @Test
  void whatDoesNotFitIsRefusedWithAReason() {
    try (KernelDevice device = ContractTest.open("tornado", 1)) {
      KernelSpec wide = new RmsNormSpec(1 << 20, 1 << 20, 0);
      assertTrue(device.support(wide).reason().contains("at most"), device.support(wide).reason());
      KernelSpec exact =
          new TreeReduceSpec(
              2,
              2,
              DType.F32,
              TreeReduceSpec.Operation.WEIGHTED_SUM,
              TreeReduceSpec.Determinism.ACCURATE);
      assertTrue(device.support(exact).reason().contains("CANONICAL is"));
    }
  }

  /** Contract tests leave out the narrow types where they are refused. */
  @ParameterizedTest
  @EnumSource(names = {"F32", "F16", "BF16", "I8", "F8E4M3"})
  void poolsOfAllTypesAreOffered(DType dtype) {
    try (KernelDevice device = ContractTest.open("tornado", 1)) {
      Heads heads = new Heads(1, 2, 1, 8);
      KvPoolSpec pool = new KvPoolSpec(2, 4, 8, dtype);
      for (KernelSpec spec :
          List.of(
              new AppendKvSpec(heads, pool, 1, 1, Rope.NONE),
              new CompactKvSpec(heads, pool, 1),
              new MergeSimilarKvSpec(heads, pool, 1, 0, 0, 0))) {
        assertEquals(Support.yes(), device.support(spec), spec.toString());
      }
    }
  }

  /**
   * The pool's contents outlive a kernel that is added later, for which the program is made anew.
   */
  @Test
  void aPoolKeepsWhatWasImported() {
    try (KernelDevice device = ContractTest.open("tornado", 1);
        KvPool pool = device.attention().pool(new KvPoolSpec(2, 4, 8, DType.F32))) {
      Tensor keys = Tensor.wrap(threes(32), 1, 4, 8);
      Tensor values = Tensor.wrap(threes(32), 1, 4, 8);
      Tensor positions = Tensor.wrap(new int[] {5, 6, 7, 8}, 1, 4);
      pool.importPages(new int[] {1}, keys, values, positions);
      Tensor out = Tensor.wrap(new float[64], 2, 4, 8);
      Tensor places = Tensor.wrap(new int[8], 2, 4);
      pool.exportPages(new int[] {0, 1}, out, Tensor.wrap(new float[64], 2, 4, 8), places);
      assertArrayEquals(new int[] {-1, -1, -1, -1, 5, 6, 7, 8}, places.toInts());
      assertEquals(0, out.getFloat(31));
      assertEquals(3, out.getFloat(32));
    }
  }
}
