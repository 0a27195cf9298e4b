package dev.warpwright.cuda.reduce;

import dev.warpwright.cuda.CudaKernelDevice;
import dev.warpwright.cuda.CudaRun;
import dev.warpwright.cuda.Resources;
import dev.warpwright.cuda.runtime.CudaFunction;
import dev.warpwright.cuda.runtime.DeviceBuffer;
import dev.warpwright.cuda.runtime.KernelArguments;
import dev.warpwright.cuda.runtime.LaunchGrid;
import dev.warpwright.kernels.Resource;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.reduce.TreeNodeStream;
import dev.warpwright.kernels.reduce.TreeReduceSpec;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/** A stream whose nodes lie on the device. */
final class TreeReduceStreamCuda extends TreeNodeStream<DeviceBuffer> {
  private static final int THREADS = 256;

  /** Blocks for each multiprocessor at most; threads take further columns in turn. */
  private static final int BLOCKS = 8;

  /** Terms that a launch takes. */
  private static final int TERMS = 4;

  private final CudaKernelDevice device;
  private final CudaFunction accept;
  private final CudaFunction add;
  private final CudaFunction scale;
  private final LaunchGrid grid;
  private final List<DeviceBuffer> nodes = new ArrayList<>();

  TreeReduceStreamCuda(CudaKernelDevice device, TreeReduceSpec spec) {
    this.device = device;
    long columns = spec.columns();
    device.reserve(
        Math.max(CudaRun.staged(columns * spec.rows().bytes()), CudaRun.staged(4 * columns)));
    String type = spec.rows().name().toLowerCase(Locale.ROOT);
    accept = device.function(TreeReduceCuda.SOURCE, "tree_reduce_accept_" + type);
    add = device.function(TreeReduceCuda.SOURCE, "tree_reduce_add");
    scale = device.function(TreeReduceCuda.SOURCE, "tree_reduce_scale");
    long most = (long) BLOCKS * device.limits().multiprocessors();
    grid = LaunchGrid.of((int) Math.min(most, Math.ceilDiv(columns, THREADS)), THREADS);
    super(device, spec, Float.BYTES * columns);
  }

  @Override
  protected DeviceBuffer allocate() {
    DeviceBuffer node =
        device.workspace(Float.BYTES * spec().columns(), "a plan of treeReduceStream");
    nodes.add(node);
    return node;
  }

  @Override
  protected void accumulate(Tensor row, float weight, List<DeviceBuffer> terms, DeviceBuffer to) {
    try (CudaRun run = device.begin()) {
      KernelArguments arguments = run.arguments().add(run.input(row)).add(weight);
      for (int i = 0; i < TERMS; i++) {
        arguments.add(i < terms.size() ? terms.get(i).address() : 0L);
      }
      arguments.add(to).add(spec().columns());
      run.launch(accept, grid);
      for (int i = TERMS; i < terms.size(); i++) {
        add(run, terms.get(i), to);
      }
      run.complete();
    }
  }

  @Override
  protected void accumulate(DeviceBuffer from, DeviceBuffer to) {
    try (CudaRun run = device.begin()) {
      add(run, from, to);
      run.complete();
    }
  }

  private void add(CudaRun run, DeviceBuffer from, DeviceBuffer to) {
    run.arguments().add(from).add(to).add(spec().columns());
    run.launch(add, grid);
  }

  @Override
  protected void finish(@Nullable DeviceBuffer root, float factor, Tensor out) {
    try (CudaRun run = device.begin()) {
      if (root == null) {
        run.zero(out);
        return;
      }
      long to = run.output(out);
      run.arguments().add(root).add(factor).add(to).add(spec().columns());
      run.launch(scale, grid);
      run.complete();
    }
  }

  @Override
  protected void release() {
    Resources.close(nodes.toArray(Resource[]::new));
  }
}
