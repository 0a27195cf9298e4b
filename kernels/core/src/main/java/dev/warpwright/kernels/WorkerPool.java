package dev.warpwright.kernels;

import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * Threads shared by all plans of a host device. Work comes in chunks that the threads claim one by
 * one, so a thread that the machine holds back delays at most one chunk. The calling thread takes
 * part: nothing waits for a thread that never gets to run. {@link #run} allocates nothing.
 */
public final class WorkerPool implements Resource {
  /** Part of a kernel's work. */
  @FunctionalInterface
  public interface ChunkTask {
    /**
     * Computes one chunk.
     *
     * @param chunk number of the chunk
     * @param worker number of the thread, below {@link WorkerPool#threads}: selects scratch memory
     */
    void run(int chunk, int worker);
  }

  /**
   * Rounds of spinning before an idle worker parks: about the time between two kernels of one
   * decoder layer.
   */
  private static final int SPINS = 20_000;

  private static final int CHUNK_BITS = 31;
  private static final long CHUNK_MASK = (1L << CHUNK_BITS) - 1;

  private final ReentrantLock owner = new ReentrantLock();
  private final Thread[] workers;

  /**
   * Generation of the work in the upper bits, next unclaimed chunk in the lower ones: a late claim
   * cannot take new work.
   */
  private final AtomicLong claim = new AtomicLong();

  private final AtomicInteger unfinished = new AtomicInteger();
  private final AtomicReference<@Nullable Throwable> failure = new AtomicReference<>();

  /** Published by the write of {@link #claim}. */
  private volatile @Nullable ChunkTask task;

  private volatile int chunks;
  private volatile boolean closed;

  /**
   * Starts the pool.
   *
   * @param threads number of threads that work, the calling one included
   */
  public WorkerPool(int threads) {
    Checks.between("threads", threads, 1, OpenOptions.MAX_THREADS);
    workers = new Thread[threads - 1];
    for (int i = 0; i < workers.length; i++) {
      int worker = i + 1;
      workers[i] =
          Thread.ofPlatform()
              .name("warpwright-worker-" + worker)
              .daemon()
              .unstarted(() -> serve(worker));
    }
    for (Thread thread : workers) {
      thread.start();
    }
  }

  /** Number of threads that work, the calling one included. */
  public int threads() {
    return workers.length + 1;
  }

  /**
   * Runs all chunks and returns when they are done. When another thread is using the pool, or the
   * call comes from inside a chunk, the calling thread does all the work itself.
   *
   * @throws RuntimeException or {@link Error}: the first failure of a chunk; the chunks not yet
   *     begun are left out
   */
  public void run(int count, ChunkTask work) {
    if (closed) {
      throw new IllegalStateException("worker pool is closed");
    }
    if (count <= 1 || workers.length == 0 || owner.isHeldByCurrentThread() || !owner.tryLock()) {
      for (int chunk = 0; chunk < count; chunk++) {
        work.run(chunk, 0);
      }
      return;
    }
    try {
      // A generation with nothing to claim comes first: a worker still in the old one must not see
      // the new chunk count.
      long generation = (claim.get() >>> CHUNK_BITS) + 2;
      claim.set(((generation - 1) << CHUNK_BITS) | CHUNK_MASK);
      task = work;
      chunks = count;
      failure.set(null);
      unfinished.set(count);
      claim.set(generation << CHUNK_BITS);
      int wake = Math.min(workers.length, count - 1);
      for (int i = 0; i < wake; i++) {
        LockSupport.unpark(workers[i]);
      }
      work(generation, 0);
      while (unfinished.get() > 0) {
        Thread.onSpinWait();
      }
      task = null;
      Throwable thrown = failure.get();
      if (thrown instanceof RuntimeException e) {
        throw e;
      } else if (thrown instanceof Error e) {
        throw e;
      }
    } finally {
      owner.unlock();
    }
  }

  private void serve(int worker) {
    long seen = 0;
    while (!closed) {
      long generation = claim.get() >>> CHUNK_BITS;
      for (int spin = 0; generation == seen && !closed; spin++) {
        if (spin < SPINS) {
          Thread.onSpinWait();
        } else {
          LockSupport.park(this);
          // The JVM interrupts a thread whose memory is freed during a chunk; with that flag set
          // park would return at once for ever.
          Thread.interrupted();
        }
        generation = claim.get() >>> CHUNK_BITS;
      }
      seen = generation;
      work(generation, worker);
    }
  }

  private void work(long generation, int worker) {
    int count = chunks;
    ChunkTask work = task;
    while (work != null) {
      long value = claim.get();
      int chunk = (int) (value & CHUNK_MASK);
      if (value >>> CHUNK_BITS != generation || chunk >= count) {
        return;
      }
      if (claim.compareAndSet(value, value + 1)) {
        try {
          if (failure.get() == null) {
            work.run(chunk, worker);
          }
        } catch (Throwable t) {
          failure.compareAndSet(null, t);
        } finally {
          unfinished.decrementAndGet();
        }
      }
    }
  }

  /** Stops the threads; idempotent. Waits for work that is under way. */
  @Override
  public void close() {
    owner.lock();
    try {
      closed = true;
      for (Thread thread : workers) {
        LockSupport.unpark(thread);
      }
    } finally {
      owner.unlock();
    }
  }
}
