package dev.warpwright.testkit;

import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.KernelDevice;
import dev.warpwright.kernels.KernelId;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.reduce.TreeReduce;
import dev.warpwright.kernels.reduce.TreeReduceSpec;
import dev.warpwright.kernels.reduce.TreeReduceSpec.Determinism;
import dev.warpwright.kernels.reduce.TreeReduceSpec.Operation;
import dev.warpwright.kernels.reduce.TreeReduceStream;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Cases of {@link TreeReduce} and {@link TreeReduceStream}: all must have the bits of the
 * reference, whatever the order of arrival.
 */
public final class TreeReduceContract implements KernelContract {
  /** Values that rounding, reordering or a flush to zero would not leave alone. */
  private static final float[] SPECIALS = {
    0f,
    -0f,
    Float.MIN_VALUE,
    -Float.MIN_VALUE,
    Float.MIN_NORMAL,
    -0x1.8p-127f,
    Float.MAX_VALUE,
    -Float.MAX_VALUE,
    Float.POSITIVE_INFINITY,
    Float.NEGATIVE_INFINITY,
    Float.NaN,
    1,
    -1,
    0x1p24f,
    -0x1p24f
  };

  /** The contract. */
  public TreeReduceContract() {}

  @Override
  public KernelId kernel() {
    return KernelId.TREE_REDUCE;
  }

  @Override
  public List<ContractCase> extremes() {
    return List.of(
        new TreeReduceCase(spec(1, 1, DType.F32, Operation.WEIGHTED_MEAN), 0, 0, 1),
        new TreeReduceCase(spec(1, 1, DType.F32, Operation.WEIGHTED_SUM), 1, 0, 2),
        new TreeReduceCase(spec(5, 100, DType.F32, Operation.WEIGHTED_MEAN), 1, 0, 3),
        new TreeReduceCase(spec(64, 16384, DType.F32, Operation.WEIGHTED_MEAN), 0, 0, 4),
        new TreeReduceCase(spec(64, 33333, DType.F32, Operation.WEIGHTED_MEAN), 0.3, 0.1, 5),
        new TreeReduceCase(spec(1000, 97, DType.F32, Operation.WEIGHTED_SUM), 0.1, 0.01, 6),
        new TreeReduceCase(spec(65, 100, DType.F32, Operation.WEIGHTED_SUM), 0.98, 0.5, 7),
        new TreeReduceCase(spec(31, 129, DType.F32, Operation.WEIGHTED_SUM), 0, 1, 8),
        new TreeReduceCase(spec(13, 4097, DType.F16, Operation.WEIGHTED_MEAN), 0.2, 0.1, 9),
        new TreeReduceCase(spec(13, 4097, DType.BF16, Operation.WEIGHTED_MEAN), 0.2, 0.1, 10));
  }

  @Override
  public ContractCase random(CaseRandom random) {
    return random(random, random.size(1, 300));
  }

  /** A random case of {@code slots} slots. */
  public ContractCase random(CaseRandom random, int slots) {
    DType rows = random.oneOf(DType.F32, DType.F32, DType.F16, DType.BF16);
    Operation operation = random.oneOf(Operation.values());
    TreeReduceSpec spec = spec(slots, random.size(1, 600), rows, operation);
    double missing = random.oneOf(0.0, 0.0, 0.1, 0.5, 0.95);
    return new TreeReduceCase(spec, missing, random.oneOf(0.0, 0.01, 0.5), random.bits());
  }

  private static TreeReduceSpec spec(int slots, long columns, DType rows, Operation operation) {
    return new TreeReduceSpec(slots, columns, rows, operation, Determinism.CANONICAL);
  }

  /**
   * One case.
   *
   * @param missing share of slots without a row
   * @param special share of special values
   */
  private record TreeReduceCase(TreeReduceSpec spec, double missing, double special, long seed)
      implements ContractCase {
    @Override
    public double run(KernelDevice reference, KernelDevice device) {
      CaseRandom random = new CaseRandom(seed);
      try (CaseMemory memory = new CaseMemory(random)) {
        List<@Nullable Tensor> rows = new ArrayList<>();
        float[] weights = new float[spec.slots()];
        for (int slot = 0; slot < spec.slots(); slot++) {
          boolean there = !random.chance(missing);
          rows.add(there ? row(memory, random, slot) : null);
          // Weights of a mean are positive, so that their sum has a reciprocal.
          weights[slot] = there ? Math.abs(random.normal()) + 0.25f : Float.NaN;
          if (there && spec.operation() == Operation.WEIGHTED_SUM) {
            weights[slot] = random.oneOf(weights[slot], -weights[slot], 0f, -0f, 1f);
          }
        }
        Tensor expected = memory.output("out", DType.F32, spec.columns());
        batch(reference, rows, weights, expected);
        Tensor actual = memory.output("out", DType.F32, spec.columns());
        batch(device, rows, weights, actual);
        Compare.floats("out", expected, actual, Tolerance.BITS);
        Tensor ordered = memory.output("out", DType.F32, spec.columns());
        Tensor shuffled = memory.output("out", DType.F32, spec.columns());
        try (TreeReduceStream stream = device.reduce().treeReduceStream(spec)) {
          stream(stream, ascending(), rows, weights, ordered);
          // The second use of the plan finds what the first has left.
          stream(stream, random.permutation(spec.slots()), rows, weights, shuffled);
          device.synchronize();
        }
        Compare.floats("out of ascending arrivals", expected, ordered, Tolerance.BITS);
        Compare.floats("out of random arrivals", expected, shuffled, Tolerance.BITS);
        memory.check();
        return 0;
      }
    }

    private Tensor row(CaseMemory memory, CaseRandom random, int slot) {
      float[] values = random.normals(Math.toIntExact(spec.columns()), random.oneOf(1f, 1e-3f));
      for (int i = 0; i < values.length; i++) {
        if (random.chance(special)) {
          values[i] = SPECIALS[random.between(0, SPECIALS.length - 1)];
        }
      }
      return memory.input("rows[" + slot + "]", spec.rows(), values, values.length);
    }

    private int[] ascending() {
      int[] order = new int[spec.slots()];
      for (int slot = 0; slot < order.length; slot++) {
        order[slot] = slot;
      }
      return order;
    }

    private void batch(
        KernelDevice device, List<@Nullable Tensor> rows, float[] weights, Tensor out) {
      try (TreeReduce reduce = device.reduce().treeReduce(spec)) {
        reduce.run(rows, weights, out);
        device.synchronize();
      }
    }

    private static void stream(
        TreeReduceStream stream,
        int[] order,
        List<@Nullable Tensor> rows,
        float[] weights,
        Tensor out) {
      for (int slot : order) {
        Tensor row = rows.get(slot);
        if (row != null) {
          stream.accept(slot, row, weights[slot]);
        }
      }
      stream.finish(out);
    }
  }
}
