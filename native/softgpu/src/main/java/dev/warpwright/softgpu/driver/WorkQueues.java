package dev.warpwright.softgpu.driver;

import dev.warpwright.softgpu.Progress;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.random.RandomGenerator;
import org.jspecify.annotations.Nullable;

/** All streams of all contexts, and the order in which their work is executed. */
final class WorkQueues {
  /** A driver lets the host run ahead only so far. */
  private static final int MAX_PENDING = 1024;

  private final List<CudaStream> streams = new ArrayList<>();
  private final SplittableRandom random;
  private final Progress progress;

  /** Made-up time; it moves with the work that is executed. */
  private long microseconds;

  WorkQueues(Progress progress, long seed) {
    this.progress = progress;
    random = new SplittableRandom(seed);
  }

  void add(CudaStream stream) {
    streams.add(stream);
  }

  void remove(CudaStream stream) {
    streams.remove(stream);
  }

  long microseconds() {
    return microseconds;
  }

  /** What all orders are drawn from. */
  RandomGenerator random() {
    return random;
  }

  void spend(long duration) {
    microseconds += duration;
  }

  /**
   * Queues an operation and lets some work happen, as the progress mode says.
   *
   * @param mostDelay how often other work may go first
   */
  Work submit(CudaStream stream, Runnable action, int mostDelay) {
    Work work = stream.add(action, mostDelay == 0 ? 0 : random.nextInt(1, mostDelay + 1));
    switch (progress) {
      case EAGER -> {
        if (!work.isDelayed()) {
          complete(work);
        }
      }
      case RANDOM -> {
        while (random.nextInt(4) != 0 && step(false)) {
          // Executed one more.
        }
      }
      case LAZY -> {
        while (stream.pending() > MAX_PENDING) {
          step();
        }
      }
    }
    return work;
  }

  /** Executes work until {@code target} is done; what else is executed before it is random. */
  void complete(@Nullable Work target) {
    while (target != null && !target.isDone()) {
      if (!step()) {
        throw new IllegalStateException("queued work waits for work that was never queued");
      }
    }
  }

  /** Executes one operation of a randomly chosen stream; false when nothing can be executed. */
  boolean step() {
    return step(true);
  }

  /**
   * As {@link #step()}; work that is delayed goes last, and not at all unless somebody waits.
   *
   * @param awaited whether somebody waits
   */
  private boolean step(boolean awaited) {
    List<CudaStream> ready = streams.stream().filter(CudaStream::isReady).toList();
    List<CudaStream> now = ready.stream().filter(stream -> !stream.head().isDelayed()).toList();
    if (now.isEmpty()) {
      now = awaited ? ready : now;
    } else {
      ready.stream().map(CudaStream::head).filter(Work::isDelayed).forEach(Work::wasPassed);
    }
    if (now.isEmpty()) {
      return false;
    }
    spend(1);
    now.get(random.nextInt(now.size())).executeOne(this);
    return true;
  }
}
