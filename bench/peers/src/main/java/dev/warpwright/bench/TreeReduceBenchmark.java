package dev.warpwright.bench;

import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.KernelDevice;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.cpu.HugePages;
import dev.warpwright.kernels.reduce.TreeReduce;
import dev.warpwright.kernels.reduce.TreeReduceSpec;
import dev.warpwright.kernels.reduce.TreeReduceStream;
import dev.warpwright.testkit.Compare;
import dev.warpwright.testkit.ContractTest;
import dev.warpwright.testkit.Tolerance;
import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.List;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/**
 * Canonical weighted mean, beside one pass over as many bytes. The rows' bytes are {@code 4 · slots
 * · columns}; the result adds {@code 4 · columns}.
 */
@Warmup(iterations = 3, time = 2)
@Measurement(iterations = 5, time = 2)
public class TreeReduceBenchmark extends KernelBenchmark {
  @Param({"64x10000000", "1000x100000"})
  private String shape;

  @Param({"native", "heap"})
  private String memory;

  @Param("1")
  private int threads;

  private Arena arena = Arena.global();
  private KernelDevice device;
  private TreeReduce reduce;
  private TreeReduceStream stream;
  private ReadBandwidth bandwidth;
  private final List<Tensor> rows = new ArrayList<>();
  private float[] weights = {};
  private Tensor out;

  /** Called by JMH. */
  @SuppressWarnings("NullAway.Init") // set up by JMH
  public TreeReduceBenchmark() {}

  /** Fills the rows, and compares the first columns with the reference. */
  @Setup
  public void setUp() {
    arena = Arena.ofShared();
    String[] sizes = shape.split("x", -1);
    int slots = Integer.parseInt(sizes[0]);
    int columns = Integer.parseInt(sizes[1]);
    weights = new float[slots];
    for (int slot = 0; slot < slots; slot++) {
      weights[slot] = 1 + slot % 7;
      float[] values = new float[columns];
      for (int i = 0; i < columns; i++) {
        values[i] = (slot * 31 + i * 17) % 1013 - 500f;
      }
      rows.add(memory.equals("heap") ? Tensor.wrap(values, columns) : copy(values));
    }
    out = Tensor.allocate(arena, DType.F32, columns);
    device = ContractTest.open("cpu", threads);
    System.out.println("provider " + device.provider() + ", " + device.name());
    TreeReduceSpec spec = TreeReduceSpec.mean(slots, columns);
    reduce = device.reduce().treeReduce(spec);
    stream = device.reduce().treeReduceStream(spec);
    bandwidth = new ReadBandwidth(4L * slots * columns, threads);
    verify();
  }

  private Tensor copy(float[] values) {
    Tensor tensor = Tensor.allocate(arena, DType.F32, values.length);
    HugePages.advise(tensor.segment());
    tensor.segment().copyFrom(Tensor.wrap(values, values.length).segment());
    return tensor;
  }

  private void verify() {
    int some = 1000;
    reduce.run(rows, weights, out);
    Tensor expected = Tensor.allocate(arena, DType.F32, some);
    List<Tensor> parts = rows.stream().map(row -> row.slice(0, some)).toList();
    try (KernelDevice reference = ContractTest.open("reference", 1);
        TreeReduce plan = reference.reduce().treeReduce(TreeReduceSpec.mean(rows.size(), some))) {
      plan.run(parts, weights, expected);
    }
    Compare.floats("out", expected, out.slice(0, some), Tolerance.BITS);
  }

  /** Frees everything. */
  @TearDown
  public void tearDown() {
    reduce.close();
    stream.close();
    device.close();
    bandwidth.close();
    arena.close();
  }

  /** All rows at once. */
  @Benchmark
  public Tensor batch() {
    reduce.run(rows, weights, out);
    return out;
  }

  /** Row by row, in slot order. */
  @Benchmark
  public Tensor streaming() {
    for (int slot = 0; slot < rows.size(); slot++) {
      stream.accept(slot, rows.get(slot), weights[slot]);
    }
    stream.finish(out);
    return out;
  }

  /** The yardstick: one pass over as many bytes. */
  @Benchmark
  public float readBandwidth() {
    return bandwidth.read();
  }
}
