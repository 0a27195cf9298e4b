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

  /** For each worker the states of a head that are added. */
  private final Parts[] parts;

  // The arguments of the run that is under way: fields, so that a run makes no closure.
  private final WorkerPool.ChunkTask merge = this::merge;
  private long heads;
  private MemorySegment outs = MemorySegment.NULL;
  private MemorySegment lses = MemorySegment.NULL;
  private MemorySegment out = MemorySegment.NULL;
  private @Nullable MemorySegment lse;

  /** States with a weight: where they lie, and their weights. */
  private static final class Parts {
    private final long[] offsets;
    private final float[] shares;

    Parts(int states) {
      offsets = new long[states];
      shares = new float[states];
    }
  }

  MergeStatesVector(HostDevice device, MergeStatesSpec spec) {
    super(device, spec, 0);
    workers = device.pool();
    weights = new float[workers.threads()][spec.states() * BLOCK];
    sums = new float[workers.threads()][2 * BLOCK];
    parts = new Parts[workers.threads()];
    for (int i = 0; i < parts.length; i++) {
      parts[i] = new Parts(spec.states());
    }
    long floats = (spec.states() + 2L) * BLOCK + spec.states();
    workspaceIs(workers.threads() * (Float.BYTES * floats + (long) Long.BYTES * spec.states()));
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
      add(first + lane, lane, weight, total == 0 ? 0 : 1 / total, parts[worker]);
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

  /** Adds up the states of a head; one of weight 0 is not read. */
  private void add(long head, int lane, float[] weight, float factor, Parts parts) {
    int headDim = spec().headDim();
    int count = 0;
    for (int state = 0; state < spec().states(); state++) {
      float share = weight[state * BLOCK + lane];
      if (share != 0) {
        parts.shares[count] = share;
        parts.offsets[count++] = (state * heads + head) * Float.BYTES * headDim;
      }
    }
    long to = head * Float.BYTES * headDim;
    int dim = 0;
    for (; dim + 4 * Lanes.COUNT <= headDim; dim += 4 * Lanes.COUNT) {
      addFour(parts, count, (long) Float.BYTES * dim, factor, to);
    }
    for (; dim + Lanes.COUNT <= headDim; dim += Lanes.COUNT) {
      addOne(parts, count, (long) Float.BYTES * dim, factor, to);
    }
    for (; dim < headDim; dim++) {
      float sum = 0;
      for (int i = 0; i < count; i++) {
        long at = parts.offsets[i] + (long) Float.BYTES * dim;
        sum = Math.fma(outs.get(ValueLayout.JAVA_FLOAT_UNALIGNED, at), parts.shares[i], sum);
      }
      out.set(ValueLayout.JAVA_FLOAT_UNALIGNED, to + (long) Float.BYTES * dim, sum * factor);
    }
  }

  private void addFour(Parts parts, int count, long from, float factor, long to) {
    MemorySegment all = outs;
    long step = (long) Float.BYTES * Lanes.COUNT;
    FloatVector a = FloatVector.zero(Lanes.F);
    FloatVector b = a;
    FloatVector c = a;
    FloatVector d = a;
    for (int i = 0; i < count; i++) {
      long at = parts.offsets[i] + from;
      FloatVector share = FloatVector.broadcast(Lanes.F, parts.shares[i]);
      a = FloatVector.fromMemorySegment(Lanes.F, all, at, Lanes.ORDER).fma(share, a);
      b = FloatVector.fromMemorySegment(Lanes.F, all, at + step, Lanes.ORDER).fma(share, b);
      c = FloatVector.fromMemorySegment(Lanes.F, all, at + 2 * step, Lanes.ORDER).fma(share, c);
      d = FloatVector.fromMemorySegment(Lanes.F, all, at + 3 * step, Lanes.ORDER).fma(share, d);
    }
    long at = to + from;
    a.mul(factor).intoMemorySegment(out, at, Lanes.ORDER);
    b.mul(factor).intoMemorySegment(out, at + step, Lanes.ORDER);
    c.mul(factor).intoMemorySegment(out, at + 2 * step, Lanes.ORDER);
    d.mul(factor).intoMemorySegment(out, at + 3 * step, Lanes.ORDER);
  }

  private void addOne(Parts parts, int count, long from, float factor, long to) {
    FloatVector sum = FloatVector.zero(Lanes.F);
    for (int i = 0; i < count; i++) {
      long at = parts.offsets[i] + from;
      FloatVector share = FloatVector.broadcast(Lanes.F, parts.shares[i]);
      sum = FloatVector.fromMemorySegment(Lanes.F, outs, at, Lanes.ORDER).fma(share, sum);
    }
    sum.mul(factor).intoMemorySegment(out, to + from, Lanes.ORDER);
  }

  @Override
  protected void release() {}
}
