package dev.warpwright.tornado.attention;

import dev.warpwright.kernels.attention.KvPoolSpec;
import dev.warpwright.tornado.Program;
import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.math.TornadoMath;
import uk.ac.manchester.tornado.api.types.arrays.ByteArray;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;
import uk.ac.manchester.tornado.api.types.arrays.ShortArray;

/**
 * Attention over pages, one group of work items for each query head of each token, in chunks of as
 * many slots: a work item computes the logit of one slot, and adds up the values of every 64th
 * element. The largest logit so far is kept as in Milakov and Gimelshein 2018 (arXiv 1805.02867).
 *
 * <p>The numbers of a step are those of {@link StepTable}. The real numbers are scale, cap, and
 * factor of the scores; then a slope and a sink logit for each query head, and cosine and sine of
 * each pair of each token. Scales are multiplied to whole dot products and to weights. Numbers
 * beside the slots are {@link SlotNumbers}.
 */
final class AttentionKernel {
  /** Real numbers before those of the heads. */
  static final int REALS = 3;

  private static final int LANES = Program.GROUP;

  private AttentionKernel() {}

  static void attend(
      KernelContext context,
      int type,
      IntArray step,
      FloatArray reals,
      FloatArray numbers,
      FloatArray q,
      FloatArray keys,
      ShortArray shortKeys,
      ByteArray byteKeys,
      FloatArray values,
      ShortArray shortValues,
      ByteArray byteValues,
      IntArray positions,
      FloatArray out,
      FloatArray lse,
      FloatArray logits) {
    int entry = context.groupIdx;
    int lane = context.localIdx;
    float[] query = context.allocateFloatLocalArray(KvPoolSpec.MAX_HEAD_DIM);
    float[] weights = context.allocateFloatLocalArray(LANES);
    float[] scales = context.allocateFloatLocalArray(LANES);
    int[] places = context.allocateIntLocalArray(LANES);
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
    float scale = reals.get(0);
    float cap = reals.get(1);
    float slope = reals.get(REALS + head);
    float sink = reals.get(REALS + queryHeads + head);
    int table = REALS + 2 * queryHeads + 2 * token * pairs;
    for (int dim = lane; dim < headDim; dim += LANES) {
      query[dim] =
          RotationTornado.element(
              q, entry * headDim, dim, reals, table, pairs, step.get(StepTable.INTERLEAVED));
    }
    context.localBarrier();
    float most = sink;
    float sum = 0;
    if (sink > Float.NEGATIVE_INFINITY) {
      sum = 1;
    }
    float a = 0;
    float b = 0;
    float c = 0;
    float d = 0;
    for (int from = 0; from < length; from += LANES) {
      int slot = from + lane;
      float logit = Float.NEGATIVE_INFINITY;
      float valueScale = 1;
      int place = 0;
      if (slot < length) {
        float keyScale = 1;
        float added = 0;
        if (numbered == 1) {
          int number = SlotNumbers.WIDTH * (firstSlot + slot);
          keyScale = numbers.get(number);
          valueScale = numbers.get(number + 1);
          added = numbers.get(number + 2);
        }
        int index = slot / pageSize;
        place = step.get(pages + index) * pageSize + slot - index * pageSize;
        int behind = position - positions.get(place);
        if (behind > step.get(StepTable.BEHIND_MORE)) {
          if (behind < step.get(StepTable.BEHIND_LESS)) {
            // Sums that do not wait for each other.
            float s0 = 0;
            float s1 = 0;
            float s2 = 0;
            float s3 = 0;
            int at = place * headDim;
            for (int dim = 0; dim < headDim; dim += 4) {
              s0 += query[dim] * Elements.get(type, keys, shortKeys, byteKeys, at + dim);
              s1 += query[dim + 1] * Elements.get(type, keys, shortKeys, byteKeys, at + dim + 1);
              s2 += query[dim + 2] * Elements.get(type, keys, shortKeys, byteKeys, at + dim + 2);
              s3 += query[dim + 3] * Elements.get(type, keys, shortKeys, byteKeys, at + dim + 3);
            }
            float dot = (s0 + s2) + (s1 + s3);
            logit = capped(dot * keyScale * scale, cap) - slope * behind + added;
          }
        }
        if (stride > 0) {
          logits.set(entry * stride + slot, logit);
        }
      }
      weights[lane] = logit;
      scales[lane] = valueScale;
      places[lane] = place * headDim;
      context.localBarrier();
      int count = length - from;
      if (count > LANES) {
        count = LANES;
      }
      float before = most;
      for (int j = 0; j < count; j++) {
        if (weights[j] > most) {
          most = weights[j];
        }
      }
      // While nothing is visible any shift will do: exp(−∞) is 0.
      float shift = most;
      if (most == Float.NEGATIVE_INFINITY) {
        shift = 0;
      }
      float shrink = TornadoMath.exp(before - shift);
      sum = sum * shrink;
      a = a * shrink;
      b = b * shrink;
      c = c * shrink;
      d = d * shrink;
      context.localBarrier();
      weights[lane] = TornadoMath.exp(logit - shift);
      context.localBarrier();
      for (int j = 0; j < count; j++) {
        float weight = weights[j];
        // A masked value must not even be multiplied: 0 times an infinity is not 0.
        if (weight != 0) {
          sum += weight;
          float factor = weight * scales[j];
          int at = places[j] + lane;
          if (lane < headDim) {
            a += factor * Elements.get(type, values, shortValues, byteValues, at);
          }
          if (lane + LANES < headDim) {
            b += factor * Elements.get(type, values, shortValues, byteValues, at + LANES);
          }
          if (lane + 2 * LANES < headDim) {
            c += factor * Elements.get(type, values, shortValues, byteValues, at + 2 * LANES);
          }
          if (lane + 3 * LANES < headDim) {
            d += factor * Elements.get(type, values, shortValues, byteValues, at + 3 * LANES);
          }
        }
      }
      context.localBarrier();
    }
    float divisor = sum;
    if (sum == 0) {
      divisor = 1;
    }
    int at = entry * headDim + lane;
    if (lane < headDim) {
      out.set(at, a / divisor);
    }
    if (lane + LANES < headDim) {
      out.set(at + LANES, b / divisor);
    }
    if (lane + 2 * LANES < headDim) {
      out.set(at + 2 * LANES, c / divisor);
    }
    if (lane + 3 * LANES < headDim) {
      out.set(at + 3 * LANES, d / divisor);
    }
    if (lane == 0) {
      float result = Float.NEGATIVE_INFINITY;
      if (sum == 0) {
        result = Float.NEGATIVE_INFINITY;
      } else {
        result = most + TornadoMath.log(sum);
      }
      lse.set(entry, result);
    }
  }

  /** The soft cap of a logit: tanh|x| = (1 − e^(−2|x|)) / (1 + e^(−2|x|)). */
  static float capped(float logit, float cap) {
    float result = logit;
    if (cap > 0) {
      float e = TornadoMath.exp(TornadoMath.abs(logit) * (-2 / cap));
      result = cap * ((1 - e) / (1 + e));
      if (logit < 0) {
        result = -result;
      }
    }
    return result;
  }

  /** Scores of the keys of a decode step, reduced over the query heads of a group. */
  static void reduceScores(
      KernelContext context,
      IntArray step,
      FloatArray reals,
      FloatArray lse,
      FloatArray logits,
      FloatArray scores) {
    int item = context.globalIdx;
    int stride = step.get(StepTable.STRIDE);
    if (item < step.get(StepTable.ROWS) * stride) {
      int row = item / stride;
      int slot = item - row * stride;
      int at = step.get(StepTable.ROWS_AT) + StepTable.ROW * row;
      if (slot < step.get(at)) {
        int group = step.get(StepTable.GROUP);
        float sum = 0;
        for (int entry = row * group; entry < row * group + group; entry++) {
          float logit = logits.get(entry * stride + slot);
          if (logit == Float.NEGATIVE_INFINITY) {
            sum += 0;
          } else {
            sum += TornadoMath.exp(logit - lse.get(entry));
          }
        }
        scores.set(step.get(at + 2) + slot, sum * reals.get(2));
      }
    }
  }
}
