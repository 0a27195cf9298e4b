package dev.warpwright.kernels;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.management.ThreadMXBean;
import java.lang.management.ManagementFactory;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicIntegerArray;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@Timeout(120)
class WorkerPoolTest {
  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3, 8})
  void eachChunkRunsOnce(int threads) {
    try (WorkerPool pool = new WorkerPool(threads)) {
      assertEquals(threads, pool.threads());
      for (int round = 0; round < 20_000; round++) {
        int chunks = round % 17;
        AtomicIntegerArray runs = new AtomicIntegerArray(chunks);
        AtomicIntegerArray busy = new AtomicIntegerArray(threads);
        pool.run(
            chunks,
            (chunk, worker) -> {
              assertEquals(1, busy.incrementAndGet(worker), "one chunk a worker at a time");
              runs.incrementAndGet(chunk);
              busy.decrementAndGet(worker);
            });
        for (int chunk = 0; chunk < chunks; chunk++) {
          assertEquals(1, runs.get(chunk));
        }
      }
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 4})
  void theFirstFailureIsThrownAndThePoolGoesOn(int threads) {
    IllegalStateException failure = new IllegalStateException("chunk 5");
    try (WorkerPool pool = new WorkerPool(threads)) {
      for (int round = 0; round < 500; round++) {
        assertSame(
            failure,
            assertThrows(
                IllegalStateException.class,
                () ->
                    pool.run(
                        20,
                        (chunk, worker) -> {
                          if (chunk == 5) {
                            throw failure;
                          }
                        })));
        AtomicInteger done = new AtomicInteger();
        pool.run(20, (chunk, worker) -> done.incrementAndGet());
        assertEquals(20, done.get());
      }
      assertThrows(
          StackOverflowError.class,
          () ->
              pool.run(
                  2,
                  (chunk, worker) -> {
                    throw new StackOverflowError();
                  }));
    }
  }

  @Test
  void nestedRuns() {
    try (WorkerPool pool = new WorkerPool(3)) {
      for (int round = 0; round < 200; round++) {
        AtomicInteger done = new AtomicInteger();
        pool.run(
            7,
            (outer, w) -> pool.run(5, (inner, v) -> pool.run(3, (i, u) -> done.getAndIncrement())));
        assertEquals(7 * 5 * 3, done.get());
      }
    }
  }

  @Test
  void concurrentRuns() throws InterruptedException {
    try (WorkerPool pool = new WorkerPool(3)) {
      AtomicInteger done = new AtomicInteger();
      Thread[] callers = new Thread[4];
      for (int i = 0; i < callers.length; i++) {
        callers[i] =
            Thread.ofPlatform()
                .start(
                    () -> {
                      for (int round = 0; round < 2000; round++) {
                        pool.run(9, (chunk, worker) -> done.incrementAndGet());
                      }
                    });
      }
      for (Thread caller : callers) {
        caller.join();
      }
      assertEquals(4 * 2000 * 9, done.get());
    }
  }

  /** An interrupted worker must go back to sleep instead of spinning for ever. */
  @Test
  void interruptedWorkersParkAgain() throws InterruptedException {
    try (WorkerPool pool = new WorkerPool(2)) {
      Thread[] worker = new Thread[2];
      while (worker[1] == null) {
        pool.run(50, (chunk, w) -> worker[w] = Thread.currentThread());
      }
      for (int round = 0; round < 3; round++) {
        worker[1].interrupt();
        boolean parked = false;
        for (int i = 0; i < 2000 && !parked; i++) {
          Thread.sleep(5);
          parked = worker[1].getState() == Thread.State.WAITING && !worker[1].isInterrupted();
        }
        assertTrue(parked);
      }
    }
  }

  @Test
  void closeStopsTheThreads() throws InterruptedException {
    WorkerPool pool = new WorkerPool(3);
    Thread[] worker = new Thread[3];
    while (worker[1] == null && worker[2] == null) {
      pool.run(
          50,
          (chunk, w) -> {
            worker[w] = Thread.currentThread();
            Thread.onSpinWait();
          });
    }
    pool.close();
    pool.close();
    for (int i = 1; i < 3; i++) {
      if (worker[i] != null) {
        worker[i].join(10_000);
        assertTrue(!worker[i].isAlive());
      }
    }
    assertThrows(IllegalStateException.class, () -> pool.run(1, (chunk, w) -> {}));
  }

  @Test
  void runAllocatesNothing() {
    ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    WorkerPool.ChunkTask nothing = (chunk, worker) -> {};
    try (WorkerPool pool = new WorkerPool(3)) {
      long least = Long.MAX_VALUE;
      for (int round = 0; round < 100 && least > 0; round++) {
        long before = threads.getCurrentThreadAllocatedBytes();
        for (int i = 0; i < 200; i++) {
          pool.run(10, nothing);
        }
        least = Math.min(least, threads.getCurrentThreadAllocatedBytes() - before);
      }
      assertEquals(0, least);
    }
  }

  @Test
  void numberOfThreadsIsChecked() {
    assertThrows(InvalidArgumentException.class, () -> new WorkerPool(0));
    assertThrows(InvalidArgumentException.class, () -> new WorkerPool(OpenOptions.MAX_THREADS + 1));
  }
}
