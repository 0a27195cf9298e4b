package dev.warpwright.softgpu.driver;

import dev.warpwright.softgpu.CudaResult;
import dev.warpwright.softgpu.driver.Graph.Kind;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** A context: what a program holds on a device, and the failure that ended it. */
final class Context {
  private final Device device;
  private final WorkQueues queues;
  private final int flags;
  private final CudaStream legacy;
  private final Map<Thread, CudaStream> perThread = new HashMap<>();
  private final List<CudaStream> streams = new ArrayList<>();
  private final Set<LoadedModule> modules = new HashSet<>();
  private final Set<Long> allocations = new HashSet<>();
  private final Map<Integer, Long> limits = new HashMap<>();

  /** Contexts whose memory kernels of this one may use. */
  private final Set<Context> peers = new HashSet<>();

  private @Nullable LaunchFailure failure;
  private boolean destroyed;
  long handle;

  Context(Device device, WorkQueues queues, int flags) {
    this.device = device;
    this.queues = queues;
    this.flags = flags;
    legacy = addStream(0, 0);
  }

  Device device() {
    return device;
  }

  int flags() {
    return flags;
  }

  Map<Integer, Long> limits() {
    return limits;
  }

  /** Lets kernels use the memory of another device's context; false if they may already. */
  boolean addPeer(Context peer) {
    boolean added = peers.add(peer);
    if (added) {
      device.memory().addPeer(peer.device.memory());
    }
    return added;
  }

  /** Ends what {@link #addPeer} began; false if nothing did. */
  boolean removePeer(Context peer) {
    boolean removed = peers.remove(peer);
    if (removed) {
      device.memory().removePeer(peer.device.memory());
    }
    return removed;
  }

  Set<LoadedModule> modules() {
    return modules;
  }

  Set<Long> allocations() {
    return allocations;
  }

  boolean isDestroyed() {
    return destroyed;
  }

  /** All streams, those of the driver's own included. */
  List<CudaStream> streams() {
    return List.copyOf(streams);
  }

  CudaStream legacyStream() {
    return legacy;
  }

  CudaStream streamOfThread() {
    return perThread.computeIfAbsent(Thread.currentThread(), t -> addStream(0, 0));
  }

  CudaStream addStream(int streamFlags, int priority) {
    CudaStream stream = new CudaStream(this, streamFlags, priority);
    queues.add(stream);
    streams.add(stream);
    return stream;
  }

  /** Waits for the stream's work, as the driver may, and forgets it. */
  void removeStream(CudaStream stream) {
    queues.complete(stream.last());
    queues.remove(stream);
    streams.remove(stream);
  }

  /**
   * Queues an operation, or adds it to the graph that is captured from the stream, which is null
   * then. An operation without a kind cannot be captured. The legacy default stream waits for all
   * blocking streams, and they wait for it.
   */
  @Nullable Work submit(CudaStream stream, @Nullable Kind kind, Runnable action) {
    Capture capture = stream.capture;
    if (capture != null) {
      capture.add(stream, kind, action);
      return null;
    }
    if (stream == legacy) {
      requireNoBlockingCapture();
      streams.stream()
          .filter(other -> other != legacy && other.isBlocking())
          .forEach(other -> stream.waitFor(other.last()));
    } else if (stream.isBlocking()) {
      stream.waitFor(legacy.last());
    }
    return queues.submit(stream, action, kind == Kind.COPY ? device.copyDelay() : 0);
  }

  /** The legacy stream must not be made to depend on a stream that is captured. */
  private void requireNoBlockingCapture() {
    for (CudaStream other : streams) {
      Capture capture = other.capture;
      if (other.isBlocking() && capture != null) {
        capture.invalidate();
        throw new CudaFailure(CudaResult.STREAM_CAPTURE_IMPLICIT);
      }
    }
  }

  /** Executes an operation in a stream before this returns. */
  void submitAndWait(CudaStream stream, Runnable action) {
    queues.complete(submit(stream, null, action));
    throwFailure();
  }

  /** Waits until all that was queued in the context is done. */
  void synchronise() {
    streams.forEach(CudaStream::requireNotCapturing);
    for (CudaStream stream : List.copyOf(streams)) {
      queues.complete(stream.last());
    }
    throwFailure();
  }

  /** Keeps a failure of queued work until somebody asks; the first sticky one stays. */
  void fail(LaunchFailure newFailure) {
    if (!hasStickyFailure()) {
      failure = newFailure;
    }
  }

  boolean hasStickyFailure() {
    return failure != null && failure.sticky();
  }

  /** Reports a failure of earlier work; one that is not sticky is reported once. */
  void throwFailure() {
    if (failure != null) {
      CudaResult result = failure.result();
      if (!failure.sticky()) {
        failure = null;
      }
      throw new CudaFailure(result);
    }
  }

  /** Reports a failure that has ended the context. */
  void throwStickyFailure() {
    if (hasStickyFailure()) {
      throwFailure();
    }
  }

  /** Device memory that the caller has allocated and not freed, a readable line each. */
  List<String> liveMemory() {
    return allocations.stream().map(device.memory()::describe).toList();
  }

  /** Ends the context and frees all that it holds. */
  void destroy() {
    for (CudaStream stream : List.copyOf(streams)) {
      removeStream(stream);
    }
    destroyed = true;
    List.copyOf(peers).forEach(this::removePeer);
    modules.forEach(LoadedModule::unload);
    modules.clear();
    allocations.forEach(device.memory()::free);
    allocations.clear();
  }
}
