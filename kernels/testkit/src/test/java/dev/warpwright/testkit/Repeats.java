package dev.warpwright.testkit;

import static org.junit.jupiter.api.Assertions.assertEquals;

import com.sun.management.ThreadMXBean;
import dev.warpwright.kernels.KernelDevice;
import dev.warpwright.kernels.Tensor;
import java.lang.management.ManagementFactory;

/** What must not change from one run to the next, and what must not be allocated. */
public final class Repeats {
  /** A kernel applied to some of its tokens. */
  @FunctionalInterface
  public interface Tokens {
    /** Runs with tokens {@code from … to − 1} and returns their results, one row a token. */
    Tensor run(KernelDevice device, int from, int to);
  }

  private Repeats() {}

  /**
   * Runs with 1, 2 and 4 threads, all tokens and few of them, and repeats: all must agree in every
   * bit. The first run is mostly interpreted, the last ones are compiled.
   */
  public static void assertSameBits(Tokens kernel, int tokens) {
    try (KernelDevice one = ContractTest.open("cpu", 1);
        KernelDevice two = ContractTest.open("cpu", 2);
        KernelDevice four = ContractTest.open("cpu", 4)) {
      Tensor expected = kernel.run(one, 0, tokens);
      for (int i = 0; i < 20; i++) {
        int from = i * (tokens - 1) / 20;
        int to = Math.min(tokens, from + 1 + i);
        assertEqualBits(expected, kernel.run(two, 0, tokens));
        assertEqualBits(expected, kernel.run(four, 0, tokens));
        assertEqualBits(expected.slice(from, to), kernel.run(one, from, to));
      }
    }
  }

  private static void assertEqualBits(Tensor expected, Tensor actual) {
    assertEquals(-1, expected.segment().mismatch(actual.segment()), "first byte that differs");
  }

  /** Warms up and asserts that most later calls allocate nothing on this thread. */
  public static void assertNoAllocation(Runnable run) {
    ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    long id = Thread.currentThread().threadId();
    long least = Long.MAX_VALUE;
    // Until the compiler has removed the short-lived objects of interpreted code.
    for (int round = 0; round < 1000 && least > 0; round++) {
      long before = threads.getThreadAllocatedBytes(id);
      for (int i = 0; i < 200; i++) {
        run.run();
      }
      least = Math.min(least, threads.getThreadAllocatedBytes(id) - before);
    }
    assertEquals(0, least, "bytes allocated by 200 runs");
  }
}
