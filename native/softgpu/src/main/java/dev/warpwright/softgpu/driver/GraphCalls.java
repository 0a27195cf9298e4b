package dev.warpwright.softgpu.driver;

import dev.warpwright.softgpu.CudaResult;
import dev.warpwright.softgpu.driver.Graph.Kind;
import dev.warpwright.softgpu.driver.Graph.Node;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Capture of streams, and graphs made by it or node by node from kernels and empty nodes. */
final class GraphCalls {
  /** A graph that can be launched; a launch waits for the one before. */
  private static final class Executable {
    final Graph graph;
    @Nullable Work last;

    Executable(Graph graph) {
      this.graph = graph;
    }
  }

  private static final int INSTANTIATE_FLAGS = 0xf;
  private static final int DEVICE_LAUNCH = 0x4;
  private static final int CAPTURE_ACTIVE = 1;
  private static final int CAPTURE_INVALIDATED = 2;

  private final Driver driver;

  GraphCalls(Driver driver) {
    this.driver = driver;
  }

  @CudaEntry("cuStreamBeginCapture_v2")
  void beginCapture(long handle, int mode) {
    CudaStream stream = driver.stream(handle);
    CudaFailure.require(mode >= Capture.GLOBAL && mode <= Capture.RELAXED);
    CudaFailure.require(
        stream != stream.context().legacyStream(), CudaResult.STREAM_CAPTURE_UNSUPPORTED);
    CudaFailure.require(stream.capture == null, CudaResult.ILLEGAL_STATE);
    driver.captures().add(new Capture(stream, mode));
  }

  @CudaEntry("cuStreamEndCapture")
  void endCapture(long handle, MemorySegment graph) {
    CudaStream stream = driver.stream(handle);
    Capture capture = stream.capture;
    if (capture == null) {
      throw new CudaFailure(CudaResult.ILLEGAL_STATE);
    }
    CMemory.putLong(graph, 0);
    try {
      CMemory.putLong(graph, handleOf(capture.end(stream)));
    } finally {
      if (stream.capture == null) {
        driver.captures().remove(capture);
      }
    }
  }

  @CudaEntry("cuStreamIsCapturing")
  void isCapturing(long handle, MemorySegment status) {
    Capture capture = driver.stream(handle).capture;
    CMemory.putInt(
        status, capture == null ? 0 : capture.isValid() ? CAPTURE_ACTIVE : CAPTURE_INVALIDATED);
  }

  @CudaEntry("cuGraphCreate")
  void create(MemorySegment graph, int flags) {
    driver.contextStack();
    CudaFailure.require(flags == 0);
    CMemory.putLong(graph, handleOf(new Graph()));
  }

  private long handleOf(Graph graph) {
    graph.nodes().forEach(node -> node.handle = driver.handles().add(node));
    return driver.handles().add(graph);
  }

  /** Graphs that were instantiated live on. */
  @CudaEntry("cuGraphDestroy")
  void destroy(long graph) {
    graph(graph).nodes().forEach(node -> driver.handles().remove(node.handle));
    driver.handles().remove(graph);
  }

  @CudaEntry("cuGraphAddEmptyNode")
  void addEmptyNode(MemorySegment node, long graph, MemorySegment after, long count) {
    add(node, graph(graph), Kind.EMPTY, () -> {}, after, count);
  }

  @CudaEntry("cuGraphAddKernelNode_v2")
  void addKernelNode(
      MemorySegment node, long graph, MemorySegment after, long count, MemorySegment parameters) {
    Graph target = graph(graph);
    Runnable launch = KernelNode.read(driver, parameters);
    add(node, target, Kind.KERNEL, launch, after, count);
  }

  private void add(
      MemorySegment pointer,
      Graph graph,
      Kind kind,
      Runnable action,
      MemorySegment after,
      long count) {
    CudaFailure.require(count >= 0);
    CMemory.at(pointer, Long.BYTES);
    List<Node> dependencies = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      Node dependency = node(CMemory.getLong(after, i));
      CudaFailure.require(graph.nodes().contains(dependency));
      dependencies.add(dependency);
    }
    Node node = graph.add(kind, action, dependencies);
    node.handle = driver.handles().add(node);
    CMemory.putLong(pointer, node.handle);
  }

  /**
   * The number of nodes. Not the nodes: JCuda passes a count that it has not set, so that the room
   * that the caller has for them is unknown.
   */
  @CudaEntry("cuGraphGetNodes")
  void getNodes(long graph, MemorySegment nodes, MemorySegment count) {
    int found = graph(graph).nodes().size();
    CudaFailure.require(CMemory.isNull(nodes), CudaResult.NOT_SUPPORTED);
    CMemory.putLong(count, found);
  }

  @CudaEntry("cuGraphNodeGetType")
  void nodeGetType(long node, MemorySegment type) {
    CMemory.putInt(type, node(node).kind().code());
  }

  @CudaEntry("cuGraphInstantiateWithFlags")
  void instantiate(MemorySegment executable, long graph, long flags) {
    driver.context();
    CudaFailure.require((flags & ~INSTANTIATE_FLAGS) == 0);
    CudaFailure.require((flags & DEVICE_LAUNCH) == 0, CudaResult.NOT_SUPPORTED);
    CMemory.at(executable, Long.BYTES);
    Executable made = new Executable(graph(graph).snapshot());
    CMemory.putLong(executable, driver.handles().add(made));
  }

  /** Nothing is ever left to prepare. */
  @CudaEntry("cuGraphUpload")
  void upload(long executable, long stream) {
    driver.stream(stream);
    executable(executable);
  }

  @CudaEntry("cuGraphLaunch")
  void launch(long executable, long handle) {
    CudaStream stream = driver.stream(handle);
    Executable launched = executable(executable);
    Runnable run = () -> launched.graph.run(driver.queues().random());
    if (stream.capture == null) {
      stream.waitFor(launched.last);
    }
    Work work = stream.context().submit(stream, Kind.CHILD, run);
    launched.last = work == null ? launched.last : work;
  }

  /** A launch that is queued runs all the same. */
  @CudaEntry("cuGraphExecDestroy")
  void destroyExecutable(long executable) {
    executable(executable);
    driver.handles().remove(executable);
  }

  private Graph graph(long handle) {
    return driver.handles().get(handle, Graph.class, CudaResult.INVALID_VALUE);
  }

  private Node node(long handle) {
    return driver.handles().get(handle, Node.class, CudaResult.INVALID_VALUE);
  }

  private Executable executable(long handle) {
    return driver.handles().get(handle, Executable.class, CudaResult.INVALID_VALUE);
  }
}
