package dev.warpwright.softgpu.driver;

import dev.warpwright.softgpu.CudaResult;
import dev.warpwright.softgpu.driver.Graph.Kind;
import dev.warpwright.softgpu.driver.Graph.Node;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Streams whose work becomes a graph instead of being queued. A stream joins when it waits for an
 * event that was recorded in one that takes part, and all must have come back to the first stream
 * when the capture ends.
 */
final class Capture {
  /** Where an event stands in a capture. */
  record Point(Capture capture, Set<Node> after) {}

  static final int GLOBAL = 0;
  static final int THREAD_LOCAL = 1;
  static final int RELAXED = 2;

  private final CudaStream origin;
  private final int mode;
  private final Thread thread = Thread.currentThread();
  private final Graph graph = new Graph();

  /** The nodes after which the next work of a stream comes. */
  private final Map<CudaStream, Set<Node>> ends = new LinkedHashMap<>();

  private boolean valid = true;
  private boolean ended;

  Capture(CudaStream origin, int mode) {
    this.origin = origin;
    this.mode = mode;
    join(origin, Set.of());
  }

  boolean isValid() {
    return valid;
  }

  /** Whether no stream takes part any more. */
  boolean hasEnded() {
    return ended;
  }

  /** Whether the capture began in a stream of {@code context}. */
  boolean isOf(Context context) {
    return origin.context() == context;
  }

  /** Nothing more can be captured; {@link #end} says so. */
  void invalidate() {
    valid = false;
  }

  /** Whether calls that could disturb a capture are refused in this thread. */
  boolean forbidsUnsafeCalls() {
    return mode == GLOBAL || (mode == THREAD_LOCAL && thread == Thread.currentThread());
  }

  /** Adds the work of a stream. */
  void add(CudaStream stream, @Nullable Kind kind, Runnable action) {
    requireValid();
    if (kind == null) {
      invalidate();
      throw new CudaFailure(CudaResult.STREAM_CAPTURE_UNSUPPORTED);
    }
    ends.put(stream, Set.of(graph.add(kind, action, ends.getOrDefault(stream, Set.of()))));
  }

  /** Where an event recorded in a stream stands. */
  Point point(CudaStream stream) {
    requireValid();
    return new Point(this, ends.getOrDefault(stream, Set.of()));
  }

  /** Makes the next work of a stream wait for other nodes. */
  void join(CudaStream stream, Set<Node> after) {
    requireValid();
    stream.capture = this;
    Set<Node> joined = new LinkedHashSet<>(ends.getOrDefault(stream, Set.of()));
    joined.addAll(after);
    ends.put(stream, joined);
  }

  /** Ends the capture in all its streams and gives what was captured. */
  Graph end(CudaStream stream) {
    if (stream != origin) {
      invalidate();
      throw new CudaFailure(CudaResult.STREAM_CAPTURE_UNMATCHED);
    }
    CudaFailure.require(
        mode == RELAXED || thread == Thread.currentThread(),
        CudaResult.STREAM_CAPTURE_WRONG_THREAD);
    ends.keySet().forEach(each -> each.capture = null);
    ended = true;
    CudaFailure.require(valid, CudaResult.STREAM_CAPTURE_INVALIDATED);
    Set<Node> joined = Graph.closure(ends.getOrDefault(origin, Set.of()));
    CudaFailure.require(
        ends.values().stream().allMatch(joined::containsAll), CudaResult.STREAM_CAPTURE_UNJOINED);
    return graph;
  }

  private void requireValid() {
    CudaFailure.require(valid, CudaResult.STREAM_CAPTURE_INVALIDATED);
  }
}
