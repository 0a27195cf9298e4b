package dev.warpwright.softgpu.driver;

import dev.warpwright.softgpu.CudaResult;
import dev.warpwright.softgpu.driver.Graph.Kind;
import org.jspecify.annotations.Nullable;

/** A point in a stream. */
final class CudaEvent {
  private final Context context;
  private final boolean timed;
  private @Nullable Work recorded;
  private Capture.@Nullable Point captured;

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

  /** Where the event stands in a capture, or null when it was last recorded outside of one. */
  Capture.@Nullable Point captured() {
    return captured;
  }

  /** An event of a capture can only order the streams of that capture. */
  void requireNotCaptured() {
    if (captured != null) {
      captured.capture().invalidate();
      throw new CudaFailure(CudaResult.CAPTURED_EVENT);
    }
  }

  /** Puts the event behind all work of the stream. */
  void record(CudaStream stream) {
    if (stream.capture == null) {
      captured = null;
      recorded = context.submit(stream, Kind.EMPTY, () -> {});
    } else {
      captured = stream.capture.point(stream);
    }
  }

  /** Whether the work before the latest record call is done; an event never recorded is. */
  boolean isDone() {
    return recorded == null || recorded.isDone();
  }
}
