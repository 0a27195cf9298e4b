package dev.warpwright.tornado;

import dev.warpwright.kernels.DeviceException;
import dev.warpwright.kernels.Resource;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import uk.ac.manchester.tornado.api.GridScheduler;
import uk.ac.manchester.tornado.api.ImmutableTaskGraph;
import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.TaskGraph;
import uk.ac.manchester.tornado.api.TornadoExecutionPlan;
import uk.ac.manchester.tornado.api.WorkerGrid1D;
import uk.ac.manchester.tornado.api.enums.DataTransferMode;
import uk.ac.manchester.tornado.api.exceptions.TornadoExecutionPlanException;
import uk.ac.manchester.tornado.api.types.arrays.ByteArray;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;
import uk.ac.manchester.tornado.api.types.arrays.ShortArray;

/**
 * Kernels in one execution plan of TornadoVM, which compiles each of them when it is run first. All
 * arrays are bound when a kernel is added. Inputs and outputs of a kernel are copied at each run;
 * <em>resident</em> arrays stay on the device and are shared by all kernels of the program.
 *
 * <p>Runs of several threads take turns.
 */
public final class Program implements Resource {
  /** Most elements of an array: its bytes and header must stay below 2^31 of the widest type. */
  public static final long MOST_ELEMENTS = (1L << 31) / Float.BYTES - 64;

  /** Work items of a group. */
  public static final int GROUP = 64;

  /** TornadoVM's compiler is entered by one thread at a time. */
  private static final ReentrantLock COMPILER = new ReentrantLock();

  private static final String TASK = "kernel";

  private final TornadoKernelDevice device;
  private final List<Object> resident;
  private final List<Kernel> kernels = new ArrayList<>();
  private final IntArray nothing = new IntArray(1);
  private @Nullable Kernel load;
  private @Nullable Kernel save;
  private @Nullable TornadoExecutionPlan plan;

  /** Whether the device has the contents of the resident arrays, and whether the host has. */
  private boolean onDevice;

  private boolean onHost = true;
  private boolean closed;

  /** A kernel of a program, and the arrays that it is bound to. */
  public static final class Kernel {
    private final String name;
    private final List<Object> constants;
    private final List<Object> inputs;
    private final List<Object> outputs;
    private final boolean changesResident;
    private final List<Consumer<TaskGraph>> tasks;
    private final List<WorkerGrid1D> grids = new ArrayList<>();
    private int index;
    private boolean compiled;

    private Kernel(
        String name,
        List<Object> constants,
        List<Object> inputs,
        List<Object> outputs,
        boolean changesResident,
        List<Consumer<TaskGraph>> tasks) {
      this.name = name;
      this.constants = constants;
      this.inputs = inputs;
      this.outputs = outputs;
      this.changesResident = changesResident;
      this.tasks = tasks;
      for (int task = 0; task < tasks.size(); task++) {
        WorkerGrid1D grid = new WorkerGrid1D(GROUP);
        grid.setLocalWork(GROUP, 1, 1);
        grids.add(grid);
      }
    }

    private String graph() {
      return name + index;
    }
  }

  /**
   * A program without kernels.
   *
   * @param device where it runs
   * @param resident arrays that stay on the device
   */
  public Program(TornadoKernelDevice device, Object... resident) {
    this.device = device;
    this.resident = List.of(resident);
    nothing.set(0, 0);
  }

  /** Name of a kernel's task, which TornadoVM wants to be told. */
  public static String task(int number) {
    return TASK + number;
  }

  /**
   * Adds a kernel of one or more tasks, which run one after the other.
   *
   * @param name a name for messages
   * @param inputs arrays that are copied to the device at each run
   * @param outputs arrays that are copied back at each run
   * @param changesResident whether it writes resident arrays
   * @param tasks each adds a task to a graph, named by {@link #task}
   */
  public synchronized Kernel add(
      String name,
      List<Object> inputs,
      List<Object> outputs,
      boolean changesResident,
      List<Consumer<TaskGraph>> tasks) {
    return add(new Kernel(name, List.of(), inputs, outputs, changesResident, tasks));
  }

  /**
   * Adds a kernel of one task over arrays that never change, which are copied to the device when it
   * is run first.
   */
  public synchronized Kernel add(
      String name,
      List<Object> constants,
      List<Object> inputs,
      List<Object> outputs,
      Consumer<TaskGraph> task) {
    return add(new Kernel(name, constants, inputs, outputs, false, List.of(task)));
  }

  private Kernel add(Kernel kernel) {
    kernels.add(kernel);
    bringHome();
    dispose();
    return kernel;
  }

  /**
   * Runs a kernel; its outputs are written when this returns.
   *
   * @param kernel a kernel of this program
   * @param groups groups of {@link #GROUP} work items of each task, at least 1
   */
  public synchronized void run(Kernel kernel, int... groups) {
    if (closed) {
      throw new IllegalStateException("program is closed");
    }
    if (plan == null) {
      build();
    }
    if (load != null && !onDevice) {
      execute(load, new int[load.tasks.size()]);
      onDevice = true;
    }
    execute(kernel, groups);
    onHost &= !kernel.changesResident;
  }

  /** Makes the host's copies of the resident arrays what the device has. */
  public synchronized void bringHome() {
    if (!onHost && save != null) {
      execute(save, new int[save.tasks.size()]);
      onHost = true;
    }
  }

  /** The host's copies of the resident arrays were changed; the next run takes them over. */
  public synchronized void changed() {
    onDevice = false;
  }

  private void build() {
    List<Kernel> all = new ArrayList<>(kernels);
    if (!resident.isEmpty()) {
      load = touch("load", List.of());
      save = touch("save", resident);
      all.add(load);
      all.add(save);
    }
    GridScheduler scheduler = new GridScheduler();
    ImmutableTaskGraph[] graphs = new ImmutableTaskGraph[all.size()];
    COMPILER.lock();
    try {
      for (int i = 0; i < graphs.length; i++) {
        Kernel kernel = all.get(i);
        kernel.index = i;
        kernel.compiled = false;
        graphs[i] = graph(kernel, kernel == load);
        for (int task = 0; task < kernel.grids.size(); task++) {
          scheduler.addWorkerGrid(kernel.graph() + "." + task(task), kernel.grids.get(task));
        }
      }
      TornadoExecutionPlan made = new TornadoExecutionPlan(graphs);
      made.withDevice(device.handle()).withGridScheduler(scheduler);
      plan = made;
    } finally {
      COMPILER.unlock();
    }
  }

  private ImmutableTaskGraph graph(Kernel kernel, boolean first) {
    TaskGraph graph = new TaskGraph(kernel.graph());
    List<Object> inputs = new ArrayList<>(kernel.inputs);
    if (first) {
      inputs.addAll(resident);
    } else if (!resident.isEmpty()) {
      graph.consumeFromDevice(resident.toArray());
    }
    if (!kernel.constants.isEmpty()) {
      graph.transferToDevice(DataTransferMode.FIRST_EXECUTION, kernel.constants.toArray());
    }
    graph.transferToDevice(DataTransferMode.EVERY_EXECUTION, inputs.toArray());
    kernel.tasks.forEach(task -> task.accept(graph));
    if (!kernel.outputs.isEmpty()) {
      graph.transferToHost(DataTransferMode.EVERY_EXECUTION, kernel.outputs.toArray());
    }
    if (!resident.isEmpty()) {
      graph.persistOnDevice(resident.toArray());
    }
    return graph.snapshot();
  }

  /** A graph must have tasks: these name the resident arrays and change nothing. */
  private Kernel touch(String name, List<Object> outputs) {
    List<Consumer<TaskGraph>> tasks = new ArrayList<>();
    KernelContext context = new KernelContext();
    for (int i = 0; i < resident.size(); i++) {
      String task = task(i);
      tasks.add(
          switch (resident.get(i)) {
            case FloatArray a ->
                graph -> graph.task(task, Program::keepFloats, context, nothing, a);
            case IntArray a -> graph -> graph.task(task, Program::keepInts, context, nothing, a);
            case ShortArray a ->
                graph -> graph.task(task, Program::keepShorts, context, nothing, a);
            case ByteArray a -> graph -> graph.task(task, Program::keepBytes, context, nothing, a);
            default -> throw new IllegalArgumentException("no kernel for " + resident.get(0));
          });
    }
    return new Kernel(name, List.of(), List.of(nothing), outputs, false, tasks);
  }

  static void keepFloats(KernelContext context, IntArray count, FloatArray array) {
    int i = context.globalIdx;
    if (i < count.get(0)) {
      array.set(i, array.get(i));
    }
  }

  static void keepInts(KernelContext context, IntArray count, IntArray array) {
    int i = context.globalIdx;
    if (i < count.get(0)) {
      array.set(i, array.get(i));
    }
  }

  static void keepShorts(KernelContext context, IntArray count, ShortArray array) {
    int i = context.globalIdx;
    if (i < count.get(0)) {
      array.set(i, array.get(i));
    }
  }

  static void keepBytes(KernelContext context, IntArray count, ByteArray array) {
    int i = context.globalIdx;
    if (i < count.get(0)) {
      array.set(i, array.get(i));
    }
  }

  private void execute(Kernel kernel, int[] groups) {
    TornadoExecutionPlan built = plan;
    if (built == null) {
      throw new IllegalStateException("no plan");
    }
    for (int task = 0; task < groups.length; task++) {
      kernel.grids.get(task).setGlobalWork((long) GROUP * Math.max(1, groups[task]), 1, 1);
    }
    boolean first = !kernel.compiled;
    if (first) {
      COMPILER.lock();
    }
    try {
      built.withGraph(kernel.index).execute();
      kernel.compiled = true;
    } catch (RuntimeException | Error e) {
      throw failure(e, kernel.name);
    } finally {
      if (first) {
        COMPILER.unlock();
      }
    }
  }

  private static DeviceException failure(Throwable e, String kernel) {
    DeviceException failure =
        new DeviceException(
            e.getClass().getSimpleName() + ": " + e.getMessage(),
            "TornadoExecutionPlan.execute",
            kernel,
            false);
    failure.initCause(e);
    return failure;
  }

  private void dispose() {
    TornadoExecutionPlan built = plan;
    plan = null;
    onDevice = false;
    if (built != null) {
      built.freeDeviceMemory();
      try {
        built.close();
      } catch (TornadoExecutionPlanException e) {
        throw failure(e, "close");
      }
    }
  }

  @Override
  public synchronized void close() {
    if (!closed) {
      closed = true;
      dispose();
    }
  }
}
