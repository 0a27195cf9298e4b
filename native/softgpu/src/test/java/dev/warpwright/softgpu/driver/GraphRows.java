package dev.warpwright.softgpu.driver;

import static dev.warpwright.softgpu.CudaResult.CAPTURED_EVENT;
import static dev.warpwright.softgpu.CudaResult.ILLEGAL_STATE;
import static dev.warpwright.softgpu.CudaResult.INVALID_VALUE;
import static dev.warpwright.softgpu.CudaResult.NOT_SUPPORTED;
import static dev.warpwright.softgpu.CudaResult.STREAM_CAPTURE_IMPLICIT;
import static dev.warpwright.softgpu.CudaResult.STREAM_CAPTURE_INVALIDATED;
import static dev.warpwright.softgpu.CudaResult.STREAM_CAPTURE_ISOLATION;
import static dev.warpwright.softgpu.CudaResult.STREAM_CAPTURE_MERGE;
import static dev.warpwright.softgpu.CudaResult.STREAM_CAPTURE_UNJOINED;
import static dev.warpwright.softgpu.CudaResult.STREAM_CAPTURE_UNMATCHED;
import static dev.warpwright.softgpu.CudaResult.STREAM_CAPTURE_UNSUPPORTED;
import static jcuda.driver.CUstreamCaptureMode.CU_STREAM_CAPTURE_MODE_GLOBAL;
import static jcuda.driver.CUstreamCaptureMode.CU_STREAM_CAPTURE_MODE_RELAXED;
import static jcuda.driver.JCudaDriver.*;
import static org.junit.jupiter.api.Assertions.assertEquals;

import jcuda.driver.CUDA_KERNEL_NODE_PARAMS;
import jcuda.driver.CUdeviceptr;
import jcuda.driver.CUevent;
import jcuda.driver.CUgraph;
import jcuda.driver.CUgraphExec;
import jcuda.driver.CUgraphNode;
import jcuda.driver.CUstream;

/** Capture of streams, and graphs. */
final class GraphRows extends Table {
  private static final int KERNEL_NODE = 0;
  private static final int EMPTY_NODE = 5;

  GraphRows() {
    capture();
    disturbances();
    graphs();
    launches();
  }

  private static void begin(CUstream stream) {
    Machine.ok(cuStreamBeginCapture(stream, CU_STREAM_CAPTURE_MODE_GLOBAL));
  }

  private static CUstream stream(int flags) {
    CUstream stream = new CUstream();
    Machine.ok(cuStreamCreate(stream, flags));
    return stream;
  }

  /** A graph that sets the first int of the machine's memory. */
  private static CUgraph fill(Machine m, int value) {
    CUgraph graph = new CUgraph();
    begin(m.stream);
    Machine.ok(cuMemsetD32Async(m.memory, value, 1, m.stream));
    Machine.ok(cuStreamEndCapture(m.stream, graph));
    return graph;
  }

  private static CUgraphExec executable(CUgraph graph) {
    CUgraphExec executable = new CUgraphExec();
    Machine.ok(cuGraphInstantiate(executable, graph, 0));
    return executable;
  }

  private void capture() {
    on("cuStreamBeginCapture_v2");
    ok("", m -> cuStreamBeginCapture(m.stream, CU_STREAM_CAPTURE_MODE_RELAXED));
    fails("no mode", INVALID_VALUE, m -> cuStreamBeginCapture(m.stream, 3));
    fails(
        "the default stream",
        STREAM_CAPTURE_UNSUPPORTED,
        m -> cuStreamBeginCapture(new CUstream(), 0));
    fails(
        "twice",
        ILLEGAL_STATE,
        m -> {
          begin(m.stream);
          return cuStreamBeginCapture(m.stream, 0);
        });

    on("cuStreamWaitEvent");
    fails(
        "an event of a capture that has ended",
        CAPTURED_EVENT,
        m -> {
          CUstream other = stream(1);
          begin(m.stream);
          Machine.ok(cuEventRecord(m.event, m.stream));
          Machine.ok(cuStreamEndCapture(m.stream, new CUgraph()));
          return cuStreamWaitEvent(other, m.event, 0);
        });

    on("cuStreamSynchronize");
    fails(
        "while it is captured",
        STREAM_CAPTURE_UNSUPPORTED,
        m -> {
          begin(m.stream);
          return cuStreamSynchronize(m.stream);
        });

    on("cuStreamIsCapturing");
    ok(
        "while it does",
        m -> {
          begin(m.stream);
          return cuStreamIsCapturing(m.stream, m.ints);
        },
        m -> assertEquals(1, m.ints[0]));

    on("cuStreamEndCapture");
    ok(
        "nothing was executed",
        m -> {
          m.fill(m.memory, 1);
          fill(m, 2);
          begin(m.stream);
          return cuStreamEndCapture(m.stream, new CUgraph());
        },
        m -> assertEquals(1, m.read(0)));
    fails("never begun", ILLEGAL_STATE, m -> cuStreamEndCapture(m.stream, new CUgraph()));
    fails(
        "work of another stream was not waited for",
        STREAM_CAPTURE_UNJOINED,
        m -> {
          CUstream other = stream(1);
          begin(m.stream);
          fork(m, other);
          return cuStreamEndCapture(m.stream, new CUgraph());
        });
    fails(
        "in the stream that has joined",
        STREAM_CAPTURE_UNMATCHED,
        m -> {
          CUstream other = stream(1);
          begin(m.stream);
          fork(m, other);
          return cuStreamEndCapture(other, new CUgraph());
        });
    fails(
        "after a disturbance",
        STREAM_CAPTURE_INVALIDATED,
        m -> {
          begin(m.stream);
          cuStreamSynchronize(m.stream);
          return cuStreamEndCapture(m.stream, new CUgraph());
        });
  }

  /** Makes another stream part of the capture and gives it work. */
  private static void fork(Machine m, CUstream other) {
    Machine.ok(cuEventRecord(m.event, m.stream));
    Machine.ok(cuStreamWaitEvent(other, m.event, 0));
    Machine.ok(cuMemsetD32Async(m.memory, 5, 1, other));
  }

  private void disturbances() {
    on("cuMemAlloc_v2");
    fails(
        "while a stream is captured",
        STREAM_CAPTURE_UNSUPPORTED,
        m -> {
          begin(m.stream);
          return cuMemAlloc(new CUdeviceptr(), 4);
        });

    on("cuMemcpyDtoH_v2");
    fails(
        "while a stream is captured",
        STREAM_CAPTURE_UNSUPPORTED,
        m -> {
          begin(m.stream);
          return cuMemcpyDtoH(m.hostPointer(), m.memory, 4);
        });

    on("cuCtxSynchronize");
    fails(
        "while a stream is captured",
        STREAM_CAPTURE_UNSUPPORTED,
        m -> {
          begin(m.stream);
          return cuCtxSynchronize();
        });

    on("cuMemsetD32Async");
    fails(
        "in the default stream while a blocking stream is captured",
        STREAM_CAPTURE_IMPLICIT,
        m -> {
          begin(stream(0));
          return cuMemsetD32Async(m.memory, 1, 1, null);
        });

    on("cuEventSynchronize");
    fails(
        "recorded in a capture",
        CAPTURED_EVENT,
        m -> {
          begin(m.stream);
          Machine.ok(cuEventRecord(m.event, m.stream));
          return cuEventSynchronize(m.event);
        });

    on("cuStreamWaitEvent");
    fails(
        "of work outside of the capture",
        STREAM_CAPTURE_ISOLATION,
        m -> {
          Machine.ok(cuEventRecord(m.event, null));
          begin(m.stream);
          return cuStreamWaitEvent(m.stream, m.event, 0);
        });
    fails(
        "of another capture",
        STREAM_CAPTURE_MERGE,
        m -> {
          CUstream other = stream(1);
          begin(m.stream);
          begin(other);
          Machine.ok(cuEventRecord(m.event, m.stream));
          return cuStreamWaitEvent(other, m.event, 0);
        });
  }

  private void graphs() {
    on("cuGraphCreate");
    ok("", m -> cuGraphCreate(new CUgraph(), 0));
    fails("no flag", INVALID_VALUE, m -> cuGraphCreate(new CUgraph(), 1));

    on("cuGraphDestroy");
    ok("", m -> cuGraphDestroy(fill(m, 1)));
    fails("null", INVALID_VALUE, m -> cuGraphDestroy(new CUgraph()));

    on("cuGraphAddEmptyNode");
    ok("", m -> cuGraphAddEmptyNode(new CUgraphNode(), fill(m, 1), null, 0));
    fails(
        "of null",
        INVALID_VALUE,
        m -> cuGraphAddEmptyNode(new CUgraphNode(), new CUgraph(), null, 0));

    on("cuGraphAddKernelNode_v2");
    ok("after another node", GraphRows::kernelAfterAnother, m -> assertEquals(9, m.read(0)));
    fails(
        "of null",
        INVALID_VALUE,
        m -> cuGraphAddKernelNode(new CUgraphNode(), new CUgraph(), null, 0, store(m, 9)));

    on("cuGraphGetNodes");
    ok(
        "their number",
        m -> cuGraphGetNodes(fill(m, 1), null, m.longs),
        m -> assertEquals(1, m.longs[0]));
    fails(
        "the nodes too",
        NOT_SUPPORTED,
        m -> cuGraphGetNodes(fill(m, 1), new CUgraphNode[1], m.longs));
    fails("null", INVALID_VALUE, m -> cuGraphGetNodes(new CUgraph(), null, m.longs));

    on("cuGraphNodeGetType");
    ok(
        "",
        m -> cuGraphNodeGetType(emptyNode(fill(m, 1)), m.ints),
        m -> assertEquals(EMPTY_NODE, m.ints[0]));
    fails("null", INVALID_VALUE, m -> cuGraphNodeGetType(new CUgraphNode(), m.ints));
  }

  private static CUgraphNode emptyNode(CUgraph graph) {
    CUgraphNode node = new CUgraphNode();
    Machine.ok(cuGraphAddEmptyNode(node, graph, null, 0));
    return node;
  }

  private static CUDA_KERNEL_NODE_PARAMS store(Machine m, int value) {
    CUDA_KERNEL_NODE_PARAMS parameters = new CUDA_KERNEL_NODE_PARAMS();
    parameters.func = m.function();
    parameters.gridDimX = 1;
    parameters.gridDimY = 1;
    parameters.gridDimZ = 1;
    parameters.blockDimX = 1;
    parameters.blockDimY = 1;
    parameters.blockDimZ = 1;
    parameters.kernelParams = m.parameters(value);
    return parameters;
  }

  private static int kernelAfterAnother(Machine m) {
    CUgraph graph = new CUgraph();
    Machine.ok(cuGraphCreate(graph, 0));
    CUgraphNode node = new CUgraphNode();
    CUgraphNode[] after = {emptyNode(graph)};
    int result = cuGraphAddKernelNode(node, graph, after, 1, store(m, 9));
    Machine.ok(cuGraphNodeGetType(node, m.ints));
    assertEquals(KERNEL_NODE, m.ints[0]);
    Machine.ok(cuGraphLaunch(executable(graph), m.stream));
    return result;
  }

  private void launches() {
    on("cuGraphInstantiateWithFlags");
    ok("", m -> cuGraphInstantiate(new CUgraphExec(), fill(m, 1), 0));
    fails("null", INVALID_VALUE, m -> cuGraphInstantiate(new CUgraphExec(), new CUgraph(), 0));
    fails(
        "launch by the device",
        NOT_SUPPORTED,
        m -> cuGraphInstantiate(new CUgraphExec(), fill(m, 1), 4));

    on("cuGraphUpload");
    ok("", m -> cuGraphUpload(executable(fill(m, 1)), m.stream));
    fails("null", INVALID_VALUE, m -> cuGraphUpload(new CUgraphExec(), m.stream));

    on("cuGraphLaunch");
    ok(
        "as often as one likes, after the graph is destroyed too",
        m -> {
          CUgraph graph = fill(m, 4);
          CUgraphExec executable = executable(graph);
          Machine.ok(cuGraphDestroy(graph));
          Machine.ok(cuGraphLaunch(executable, m.stream));
          assertEquals(4, m.read(0));
          m.fill(m.memory, 1);
          return cuGraphLaunch(executable, m.stream);
        },
        m -> assertEquals(4, m.read(0)));
    ok(
        "captured itself",
        m -> {
          CUgraphExec inner = executable(fill(m, 6));
          CUgraph outer = new CUgraph();
          begin(m.stream);
          Machine.ok(cuGraphLaunch(inner, m.stream));
          Machine.ok(cuStreamEndCapture(m.stream, outer));
          return cuGraphLaunch(executable(outer), m.stream);
        },
        m -> assertEquals(6, m.read(0)));
    ok(
        "of two streams",
        m -> {
          CUstream other = stream(1);
          CUevent back = new CUevent();
          CUgraph graph = new CUgraph();
          Machine.ok(cuEventCreate(back, 0));
          begin(m.stream);
          Machine.ok(cuMemsetD32Async(m.memory, 1, 1, m.stream));
          fork(m, other);
          Machine.ok(cuEventRecord(back, other));
          Machine.ok(cuStreamWaitEvent(m.stream, back, 0));
          Machine.ok(cuMemcpyDtoDAsync(m.other, m.memory, 4, m.stream));
          Machine.ok(cuStreamEndCapture(m.stream, graph));
          int result = cuGraphLaunch(executable(graph), m.stream);
          Machine.ok(cuMemcpyDtoDAsync(m.memory, m.other, 4, m.stream));
          return result;
        },
        m -> assertEquals(5, m.read(0)));
    fails("null", INVALID_VALUE, m -> cuGraphLaunch(new CUgraphExec(), m.stream));

    on("cuGraphExecDestroy");
    ok("", m -> cuGraphExecDestroy(executable(fill(m, 1))));
    fails("null", INVALID_VALUE, m -> cuGraphExecDestroy(new CUgraphExec()));
  }
}
