package dev.warpwright.kernels.cpu.attention;

import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.WorkerPool;
import dev.warpwright.kernels.attention.MergeStates;
import dev.warpwright.kernels.attention.MergeStatesSpec;
import dev.warpwright.kernels.cpu.HostDevice;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;
import org.jspecify.annotations.Nullable;

/** Finds the weights of a block of heads, one a lane, then adds up one head after the other. */
final class MergeStatesVector extends MergeStates {
  private static final int BLOCK = Lanes.BLOCK;

  private final WorkerPool workers;

  /** For each worker the log-sum-exps, then the weights, of a block: {@code [state, lane]}. */
  private final float[][] weights;

  /** For each worker the largest log-sum-exps of a block, then the sums of its weights. */
  private final float[][] sums;

  /** For each worker the elements of a head. */
  private final float[][] rows;

  // The arguments of the run that is under way: fields, so that a run makes no closure.
  private final WorkerPool.ChunkTask merge = this::merge;
  private long heads;
  private MemorySegment outs = MemorySegment.NULL;
  private MemorySegment lses = MemorySegment.NULL;
  private MemorySegment out = MemorySegment.NULL;
  private @Nullable MemorySegment lse;

  MergeStatesVector(HostDevice device, MergeStatesSpec spec) {
    super(device, spec, 0);
    workers = device.pool();
    weights = new float[workers.threads()][spec.states() * BLOCK];
    sums = new float[workers.threads()][2 * BLOCK];
    rows = new float[workers.threads()][spec.headDim()];
    workspaceIs(
        (long) Float.BYTES * workers.threads() * ((spec.states() + 2) * BLOCK + spec.headDim()));
  }

  @Override
  protected void execute(int tokens, Tensor from, Tensor logs, Tensor to, @Nullable Tensor log) {
    heads = (long) tokens * spec().queryHeads();
    outs = from.segment();
    lses = logs.segment();
    out = to.segment();
    lse = log == null ? null : log.segment();
    workers.run((int) ((heads + BLOCK - 1) / BLOCK), merge);
  }

  private void merge(int block, int worker) {
    long first = (long) block * BLOCK;
    int count = (int) Math.min(BLOCK, heads - first);
    float[] weight = weights[worker];
    float[] sum = sums[worker];
    load(first, count, weight);
    weigh(weight, sum);
    for (int lane = 0; lane < count; lane++) {
      float total = sum[BLOCK + lane];
      add(first + lane, lane, weight, total == 0 ? 0 : 1 / total, rows[worker]);
      if (lse != null) {
        lse.set(
            ValueLayout.JAVA_FLOAT_UNALIGNED,
            Float.BYTES * (first + lane),
            (float) (sum[lane] + Math.log(total)));
      }
    }
  }

  private void load(long first, int count, float[] logs) {
    for (int state = 0; state < spec().states(); state++) {
      int at = state * BLOCK;
      MemorySegment.copy(
          lses,
          ValueLayout.JAVA_FLOAT_UNALIGNED,
          Float.BYTES * (state * heads + first),
          logs,
          at,
          count);
      Arrays.fill(logs, at + count, at + BLOCK, Float.NEGATIVE_INFINITY);
    }
  }

  /** Turns log-sum-exps into weights; {@code sum} gets their maxima and the sums of the weights. */
  private void weigh(float[] logs, float[] sum) {
    int all = spec().states() * BLOCK;
    for (int lane = 0; lane < BLOCK; lane += Lanes.COUNT) {
      FloatVector most = FloatVector.broadcast(Lanes.F, Float.NEGATIVE_INFINITY);
      for (int at = lane; at < all; at += BLOCK) {
        most = most.max(FloatVector.fromArray(Lanes.F, logs, at));
      }
      for (int at = lane; at < all; at += BLOCK) {
        FloatVector log = FloatVector.fromArray(Lanes.F, logs, at);
        VectorMask<Float> empty = log.compare(VectorOperators.EQ, Float.NEGATIVE_INFINITY);
        log.sub(most).blend(Float.NEGATIVE_INFINITY, empty).intoArray(logs, at);
      }
      most.intoArray(sum, lane);
    }
    Exp.exp(logs, 0, all);
    for (int lane = 0; lane < BLOCK; lane += Lanes.COUNT) {
      FloatVector total = FloatVector.zero(Lanes.F);
      for (int at = lane; at < all; at += BLOCK) {
        total = total.add(FloatVector.fromArray(Lanes.F, logs, at));
      }
      total.intoArray(sum, BLOCK + lane);
    }
  }

  /** Adds up the states of a head in {@code row}; one of weight 0 is not read. */
  private void add(long head, int lane, float[] weight, float factor, float[] row) {
    Arrays.fill(row, 0);
    for (int state = 0; state < spec().states(); state++) {
      float share = weight[state * BLOCK + lane];
      if (share != 0) {
        add((state * heads + head) * Float.BYTES * row.length, share, row);
      }
    }
    int dim = 0;
    for (; dim + Lanes.COUNT <= row.length; dim += Lanes.COUNT) {
      FloatVector.fromArray(Lanes.F, row, dim).mul(factor).intoArray(row, dim);
    }
    for (; dim < row.length; dim++) {
      row[dim] *= factor;
    }
    MemorySegment.copy(
        row, 0, out, ValueLayout.JAVA_FLOAT_UNALIGNED, head * Float.BYTES * row.length, row.length);
  }

  private void add(long at, float share, float[] row) {
    int dim = 0;
    for (; dim + Lanes.COUNT <= row.length; dim += Lanes.COUNT) {
      FloatVector.fromMemorySegment(Lanes.F, outs, at + (long) Float.BYTES * dim, Lanes.ORDER)
          .fma(FloatVector.broadcast(Lanes.F, share), FloatVector.fromArray(Lanes.F, row, dim))
          .intoArray(row, dim);
    }
    for (; dim < row.length; dim++) {
      float value = outs.get(ValueLayout.JAVA_FLOAT_UNALIGNED, at + (long) Float.BYTES * dim);
      row[dim] = Math.fma(value, share, row[dim]);
    }
  }

  @Override
  protected void release() {}
}
