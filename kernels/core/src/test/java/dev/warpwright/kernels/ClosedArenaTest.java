package dev.warpwright.kernels;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.warpwright.kernels.cpu.CpuProvider;
import dev.warpwright.kernels.reduce.TreeReduce;
import dev.warpwright.kernels.reduce.TreeReduceSpec;
import java.lang.foreign.Arena;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Memory that is freed while a kernel reads it: an exception on one side, never a crash. */
@Timeout(120)
class ClosedArenaTest {
  @ParameterizedTest
  @ValueSource(ints = {1, 3})
  void closeDuringRun(int threads) throws InterruptedException {
    int columns = 1 << 20;
    int slots = 64;
    float[] weights = new float[slots];
    Arrays.fill(weights, 1);
    try (KernelDevice device = new CpuProvider().open(OpenOptions.defaults().withThreads(threads));
        TreeReduce plan = device.reduce().treeReduce(TreeReduceSpec.mean(slots, columns))) {
      Tensor out = Tensor.wrap(new float[columns], columns);
      float[] ones = new float[columns];
      Arrays.fill(ones, 1);
      List<Tensor> undisturbed = Collections.nCopies(slots, Tensor.wrap(ones, columns));
      plan.run(undisturbed, weights, out);
      try (Arena arena = Arena.ofShared()) {
        // Classes of the JVM that are first initialised in a run must not meet a closing arena.
        Tensor row = Tensor.allocate(arena, DType.F32, columns);
        plan.run(Collections.nCopies(slots, row), weights, out);
      }
      for (int round = 0; round < 20; round++) {
        Arena arena = Arena.ofShared();
        Tensor row = Tensor.allocate(arena, DType.F32, columns);
        List<Tensor> rows = Collections.nCopies(slots, row);
        plan.run(rows, weights, out);
        Thread closer = Thread.ofPlatform().start(() -> closeInTheEnd(arena));
        // Run follows run, so the arena is closed during one, or between two.
        RuntimeException thrown =
            assertThrows(
                RuntimeException.class,
                () -> {
                  while (true) {
                    plan.run(rows, weights, out);
                  }
                });
        assertTrue(
            thrown instanceof IllegalStateException || thrown instanceof InvalidArgumentException,
            thrown.toString());
        Thread.interrupted(); // the JVM sets this flag in a thread whose memory it takes away
        closer.join();
        assertFalse(arena.scope().isAlive());
      }
      plan.run(undisturbed, weights, out);
      assertArrayEquals(ones, out.toFloats());
    }
  }

  /** The JVM refuses to close an arena that is being read in some ways: tried until it succeeds. */
  private static void closeInTheEnd(Arena arena) {
    while (arena.scope().isAlive()) {
      try {
        arena.close();
      } catch (IllegalStateException e) {
        Thread.onSpinWait();
      }
    }
  }
}
