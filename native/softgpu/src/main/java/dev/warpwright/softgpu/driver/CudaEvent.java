package dev.warpwright.softgpu.driver;

import org.jspecify.annotations.Nullable;

/** A point in a stream. */
final class CudaEvent {
  private final Context context;
  private final boolean timed;
  private @Nullable Work recorded;

  CudaEvent(Context context, boolean timed) {
    this.context = context;
    this.timed = timed;
  }

  Context context() {
    return context;
  }

  boolean isTimed() {
    return timed;
  }

  /** The work that the latest record call queued, or null before the first. */
  @Nullable Work recorded() {
    return recorded;
  }

  /** Puts the event behind all work of the stream. */
  void record(CudaStream stream) {
    recorded = context.submit(stream, () -> {});
  }

  /** Whether the work before the latest record call is done; an event never recorded is. */
  boolean isDone() {
    return recorded == null || recorded.isDone();
  }
}
