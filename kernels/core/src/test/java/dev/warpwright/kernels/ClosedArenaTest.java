package dev.warpwright.kernels;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.warpwright.kernels.cpu.CpuProvider;
import dev.warpwright.kernels.reduce.TreeReduce;
import dev.warpwright.kernels.reduce.TreeReduceSpec;
import java.lang.foreign.Arena;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
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
      int interrupted = 0;
      for (int round = 0; round < 40; round++) {
        Arena arena = Arena.ofShared();
        Tensor row = Tensor.allocate(arena, DType.F32, columns);
        List<Tensor> rows = Collections.nCopies(slots, row);
        AtomicBoolean refused = new AtomicBoolean();
        int delay = round % 8;
        Thread closer =
            Thread.ofPlatform()
                .start(
                    () -> {
                      try {
                        Thread.sleep(delay);
                        arena.close();
                      } catch (IllegalStateException e) {
                        refused.set(true);
                      } catch (InterruptedException e) {
                        throw new AssertionError(e);
                      }
                    });
        boolean failed = false;
        try {
          plan.run(rows, weights, out);
        } catch (IllegalStateException | InvalidArgumentException e) {
          // The latter when the memory was freed before the run began.
          failed = true;
        }
        Thread.interrupted(); // the JVM sets this flag in a thread whose memory it takes away
        closer.join();
        if (refused.get()) {
          arena.close();
        }
        interrupted += failed || refused.get() ? 1 : 0;
      }
      assertTrue(interrupted > 0, "no round closed the arena during the run");
      plan.run(undisturbed, weights, out);
      assertArrayEquals(ones, out.toFloats());
    }
  }
}
