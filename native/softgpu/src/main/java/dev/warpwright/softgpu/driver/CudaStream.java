package dev.warpwright.softgpu.driver;

import dev.warpwright.softgpu.CudaResult;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import org.jspecify.annotations.Nullable;

/** A queue of work, executed in order. */
final class CudaStream {
  private final Context context;
  private final int flags;
  private final int priority;
  private final Queue<Work> queue = new ArrayDeque<>();

  /** Work of other streams that the next work here must wait for. */
  private final List<Work> waits = new ArrayList<>();

  private @Nullable Work last;
  @Nullable Capture capture;
  long handle;

  CudaStream(Context context, int flags, int priority) {
    this.context = context;
    this.flags = flags;
    this.priority = priority;
  }

  Context context() {
    return context;
  }

  int flags() {
    return flags;
  }

  int priority() {
    return priority;
  }

  /** Whether the stream is ordered with the legacy default stream. */
  boolean isBlocking() {
    return flags == 0;
  }

  /** The work queued last, or null when none was. */
  @Nullable Work last() {
    return last;
  }

  /** Fails, and ends the capture, if the work of this stream is being captured. */
  void requireNotCapturing() {
    if (capture != null) {
      capture.invalidate();
      throw new CudaFailure(CudaResult.STREAM_CAPTURE_UNSUPPORTED);
    }
  }

  /** Makes all later work here wait for {@code other}. */
  void waitFor(@Nullable Work other) {
    if (other != null && other != last && !other.isDone()) {
      waits.add(other);
    }
  }

  Work add(Runnable action, int delay) {
    Work work = new Work(context, action, waits, delay);
    waits.clear();
    queue.add(work);
    last = work;
    return work;
  }

  int pending() {
    return queue.size();
  }

  boolean isReady() {
    Work head = queue.peek();
    return head != null && head.isReady();
  }

  /** The work to be executed next; the queue must not be empty. */
  Work head() {
    return queue.element();
  }

  /** Executes the work at the head of the queue. */
  void executeOne(WorkQueues clock) {
    queue.remove().execute(clock);
  }
}
