package dev.warpwright.tornado.attention;

import dev.warpwright.kernels.attention.KvPoolSpec;
import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.math.TornadoMath;
import uk.ac.manchester.tornado.api.types.arrays.ByteArray;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;
import uk.ac.manchester.tornado.api.types.arrays.ShortArray;

/**
 * Statistics of what query tokens think of each key, in two tasks: the logarithms of all
 * probabilities, one group of work items for each query head of each token; then their statistics,
 * one work item a slot. Numbers and real numbers are those of {@link AttentionKernel}.
 */
final class WindowKernel {
  /** Statistics of a slot. */
  static final int RESULTS = 4;

  private WindowKernel() {}

  static void observe(
      KernelContext context,
      int type,
      IntArray step,
      FloatArray reals,
      FloatArray numbers,
      FloatArray q,
      FloatArray lse,
      FloatArray keys,
      ShortArray shortKeys,
      ByteArray byteKeys,
      IntArray positions,
      FloatArray logs) {
    int entry = context.groupIdx;
    int lane = context.localIdx;
    int lanes = context.localGroupSizeX;
    float[] query = context.allocateFloatLocalArray(KvPoolSpec.MAX_HEAD_DIM);
    int queryHeads = step.get(StepTable.QUERY_HEADS);
    int headDim = step.get(StepTable.HEAD_DIM);
    int pageSize = step.get(StepTable.PAGE_SIZE);
    int pairs = step.get(StepTable.PAIRS);
    int stride = step.get(StepTable.STRIDE);
    int numbered = step.get(StepTable.NUMBERED);
    int token = entry / queryHeads;
    int head = entry - token * queryHeads;
    int position = step.get(StepTable.HEADER + 2 * token + 1);
    int group = head / step.get(StepTable.GROUP);
    int row =
        step.get(StepTable.ROWS_AT)
            + StepTable.ROW * (step.get(StepTable.HEADER + 2 * token) + group);
    int length = step.get(row);
    int pages = step.get(StepTable.PAGES_AT) + step.get(row + 1);
    int firstSlot = step.get(row + 2);
    float slope = reals.get(AttentionKernel.REALS + head);
    int table = AttentionKernel.REALS + 2 * queryHeads + 2 * token * pairs;
    for (int dim = lane; dim < headDim; dim += lanes) {
      query[dim] =
          RotationTornado.element(
              q, entry * headDim, dim, reals, table, pairs, step.get(StepTable.INTERLEAVED));
    }
    context.localBarrier();
    float sum = lse.get(entry);
    for (int slot = lane; slot < length; slot += lanes) {
      int index = slot / pageSize;
      int place = step.get(pages + index) * pageSize + slot - index * pageSize;
      int behind = position - positions.get(place);
      float log = Float.NEGATIVE_INFINITY;
      if (behind > step.get(StepTable.BEHIND_MORE)) {
        if (behind < step.get(StepTable.BEHIND_LESS)) {
          float keyScale = 1;
          float added = 0;
          if (numbered == 1) {
            int number = SlotNumbers.WIDTH * (firstSlot + slot);
            keyScale = numbers.get(number);
            added = numbers.get(number + 2);
          }
          float dot = 0;
          float rest = 0;
          int at = place * headDim;
          for (int dim = 0; dim < headDim; dim += 2) {
            dot += query[dim] * Elements.get(type, keys, shortKeys, byteKeys, at + dim);
            rest += query[dim + 1] * Elements.get(type, keys, shortKeys, byteKeys, at + dim + 1);
          }
          float product = (dot + rest) * keyScale;
          float logit = AttentionKernel.capped(product * reals.get(0), reals.get(1));
          log = logit - slope * behind + added - sum;
          if (log > 0) {
            log = 0;
          }
        }
      }
      logs.set(entry * stride + slot, log);
    }
  }

  static void summarise(
      KernelContext context, IntArray step, FloatArray reals, FloatArray logs, FloatArray results) {
    int item = context.globalIdx;
    int stride = step.get(StepTable.STRIDE);
    int rows = step.get(StepTable.ROWS);
    if (item < rows * stride) {
      int index = item / stride;
      int slot = item - index * stride;
      int row = step.get(StepTable.ROWS_AT) + StepTable.ROW * index;
      if (slot < step.get(row)) {
        int queryHeads = step.get(StepTable.QUERY_HEADS);
        int group = step.get(StepTable.GROUP);
        int kvHeads = queryHeads / group;
        int observed = step.get(row + 4);
        float n = observed;
        float fewer = n - 1;
        float sums = 0;
        float variances = 0;
        float entropies = 0;
        int head = (index - index / kvHeads * kvHeads) * group;
        for (int i = head; i < head + group; i++) {
          int first = (step.get(row + 3) * queryHeads + i) * stride + slot;
          float sum = 0;
          for (int j = 0; j < observed; j++) {
            float log = logs.get(first + j * queryHeads * stride);
            float p = TornadoMath.exp(log);
            sum += p;
            if (p > 0) {
              entropies = entropies - p * log;
            }
          }
          float mean = sum / n;
          float squares = 0;
          for (int j = 0; j < observed; j++) {
            float deviation = TornadoMath.exp(logs.get(first + j * queryHeads * stride)) - mean;
            squares += deviation * deviation;
          }
          sums += sum;
          if (observed > 1) {
            variances += squares / fewer;
          }
        }
        float mean = 0;
        if (observed > 0) {
          mean = sums / n;
        }
        int last = step.get(StepTable.ROWS_AT) + StepTable.ROW * (rows - 1);
        int slots = step.get(last + 2) + step.get(last);
        int at = step.get(row + 2) + slot;
        float factor = reals.get(2);
        results.set(at, sums * factor);
        results.set(slots + at, mean * factor);
        results.set(2 * slots + at, variances * factor);
        results.set(3 * slots + at, entropies * factor);
      }
    }
  }
}
