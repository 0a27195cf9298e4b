package dev.warpwright.testkit;

import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.KernelDevice;
import dev.warpwright.kernels.KernelId;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.moe.ExpertMatmul;
import dev.warpwright.kernels.moe.ExpertMatmulSpec;
import dev.warpwright.kernels.moe.ExpertMatmulSpec.Activation;
import dev.warpwright.kernels.moe.ExpertWeights;
import dev.warpwright.kernels.moe.PreparedExperts;
import dev.warpwright.kernels.sparse.Grouping;
import dev.warpwright.kernels.sparse.WeightFormat;
import dev.warpwright.kernels.sparse.WeightMatrix;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Cases of {@link ExpertMatmul}. Rows of x that no slot names are NaN. */
public final class ExpertMatmulContract implements KernelContract {
  private static final WeightFormat[] FORMATS = {
    new WeightFormat.Dense(DType.F32),
    new WeightFormat.Dense(DType.F16),
    new WeightFormat.Dense(DType.BF16),
    new WeightFormat.Quant(Grouping.w4(32)),
    new WeightFormat.Quant(Grouping.w4(128)),
    new WeightFormat.Quant(new Grouping(4, 64, false)),
    new WeightFormat.GroupSparse(Grouping.w4(16)),
    new WeightFormat.GroupSparse(new Grouping(4, 32, false))
  };

  /** How slots are shared out among experts. */
  private enum Load {
    /** At random, some experts empty, some slots behind the last offset. */
    MIXED,
    /** All to the last expert. */
    ONE,
    /** Every other slot of a segment is padding. */
    PADDED
  }

  /** The contract. */
  public ExpertMatmulContract() {}

  @Override
  public KernelId kernel() {
    return KernelId.EXPERT_MATMUL;
  }

  @Override
  public List<ContractCase> extremes() {
    List<ContractCase> cases = new ArrayList<>();
    for (WeightFormat format : FORMATS) {
      for (Activation activation : Activation.values()) {
        cases.add(of(4, 8, 96, 160, format, activation, 4, 4, Load.MIXED));
        cases.add(of(40, 5, 33, 67, format, activation, 2, 40, Load.PADDED));
      }
      cases.add(of(256, 4, 40, 128, format, Activation.SWIGLU, 0, 256, Load.ONE));
      cases.add(of(256, 32, 17, 31, format, Activation.GEGLU, 4, 129, Load.MIXED));
      cases.add(of(1, 1, 1, 1, format, Activation.SWIGLU, 1, 1, Load.ONE));
    }
    cases.add(of(4, 8, 16, 16, FORMATS[0], Activation.NONE, 1, 0, Load.MIXED));
    cases.add(of(8, 256, 8, 8, FORMATS[0], Activation.SWIGLU, 8, 8, Load.MIXED));
    cases.add(of(64, 3, 300, 1024, FORMATS[0], Activation.NONE, 0, 64, Load.MIXED));
    return cases;
  }

  private static ExpertMatmulCase of(
      int maxSlots,
      int experts,
      int outputs,
      int inputs,
      WeightFormat format,
      Activation activation,
      int topK,
      int slots,
      Load load) {
    return new ExpertMatmulCase(
        new ExpertMatmulSpec(maxSlots, experts, outputs, inputs, format, activation, topK),
        slots,
        load,
        31L * slots + experts);
  }

  @Override
  public ContractCase random(CaseRandom random) {
    int maxSlots = random.size(1, 96);
    ExpertMatmulSpec spec =
        new ExpertMatmulSpec(
            maxSlots,
            random.size(1, 16),
            random.size(1, 160),
            random.size(1, 300),
            random.oneOf(FORMATS),
            random.oneOf(Activation.values()),
            random.between(0, 4));
    return new ExpertMatmulCase(
        spec, random.between(0, maxSlots), random.oneOf(Load.values()), random.bits());
  }

  private record ExpertMatmulCase(ExpertMatmulSpec spec, int slots, Load load, long seed)
      implements ContractCase {
    /** There is a row of x more than slots. */
    ExpertMatmulCase {
      spec = spec.withMaxRows(spec.maxSlots() + 1);
    }

    @Override
    public double run(KernelDevice reference, KernelDevice device) {
      CaseRandom random = new CaseRandom(seed);
      try (CaseMemory memory = new CaseMemory(random)) {
        ExpertWeights weights = weights(random);
        int[] offsets = offsets(random);
        int tokens = slots + 1;
        int[] order = order(random, tokens);
        Tensor x =
            memory.input("x", x(random, offsets, order, tokens), rows(tokens), spec.inputs());
        Tensor offsetTensor = memory.input("offsets", offsets, spec.experts() + 1);
        boolean needsOrder = spec.topK() > 0 || load == Load.PADDED || random.chance(0.5);
        Tensor orderTensor = needsOrder ? memory.input("order", order, slots) : null;
        Tensor expected = memory.output("y", DType.F32, slots, spec.outputs());
        Tensor actual = memory.output("y", DType.F32, slots, spec.outputs());
        multiply(reference, weights, offsetTensor, orderTensor, x, expected);
        multiply(device, weights, offsetTensor, orderTensor, x, actual);
        memory.check();
        // Products of size 1 summed to size 1 (weights have deviation 1/√inputs): an F32 sum of n
        // terms in several partial sums is off by some √n roundings of its largest part. Times the
        // other factor, whose size is below 6, twice. What must stay as it was is NaN in both.
        double sum = 8 * Math.sqrt(spec.inputs() + 16.0) * 0x1p-24;
        return Compare.floats("y", expected, actual, new Tolerance(12 * sum, 2e-5));
      }
    }

    private int rows(int tokens) {
      return spec.topK() == 0 ? slots : tokens;
    }

    private ExpertWeights weights(CaseRandom random) {
      boolean gated = spec.activation() != Activation.NONE;
      List<WeightMatrix> gate = new ArrayList<>();
      List<WeightMatrix> up = new ArrayList<>();
      for (int e = 0; e < spec.experts(); e++) {
        gate.add(CaseWeights.matrix(random, spec.outputs(), spec.inputs(), spec.format()));
        if (gated) {
          up.add(CaseWeights.matrix(random, spec.outputs(), spec.inputs(), spec.format()));
        }
      }
      return new ExpertWeights(gate, up);
    }

    private int[] offsets(CaseRandom random) {
      int[] offsets = new int[spec.experts() + 1];
      if (load == Load.ONE) {
        offsets[spec.experts()] = slots;
        return offsets;
      }
      for (int e = 1; e <= spec.experts(); e++) {
        offsets[e] = random.chance(0.3) ? 0 : random.between(0, slots);
      }
      Arrays.sort(offsets);
      return offsets;
    }

    private int[] order(CaseRandom random, int tokens) {
      int[] order = new int[slots];
      for (int slot = 0; slot < slots; slot++) {
        boolean padding = load == Load.PADDED && slot % 2 == 1;
        order[slot] = padding ? -1 : random.between(0, tokens * Math.max(spec.topK(), 1) - 1);
      }
      return order;
    }

    private float[] x(CaseRandom random, int[] offsets, int[] order, int tokens) {
      float[] x = new float[rows(tokens) * spec.inputs()];
      Arrays.fill(x, Float.NaN);
      for (int slot = 0; slot < offsets[spec.experts()]; slot++) {
        if (order[slot] >= 0) {
          int row = spec.topK() == 0 ? slot : order[slot] / spec.topK();
          float[] values = random.normals(spec.inputs(), 1);
          System.arraycopy(values, 0, x, row * spec.inputs(), spec.inputs());
        }
      }
      return x;
    }

    private void multiply(
        KernelDevice device,
        ExpertWeights weights,
        Tensor offsets,
        @Nullable Tensor order,
        Tensor x,
        Tensor y) {
      try (PreparedExperts experts = device.moe().prepare(weights);
          ExpertMatmul plan = device.moe().expertMatmul(spec)) {
        plan.run(experts, offsets, order, x, y);
        device.synchronize();
      }
    }
  }
}
