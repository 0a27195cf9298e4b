package dev.warpwright.tornado.attention;

import dev.warpwright.kernels.attention.KvPoolSpec;
import dev.warpwright.tornado.Program;
import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.math.TornadoMath;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/**
 * Attention over pages, one group of work items for each query head of each token, in chunks of as
 * many slots: a work item computes the logit of one slot, and adds up the values of every 64th
 * element. The largest logit so far is kept as in Milakov and Gimelshein 2018 (arXiv 1805.02867).
 *
 * <p>The numbers of a step are query heads, heads of a group, elements of a head, slots of a page,
 * how far behind the query a key must be more than and less than, rotated pairs, whether they are
 * neighbours, where the rows and pages begin, the logits that are kept of a head, and the number of
 * rows. Two numbers a token follow: its request's first row, and its position; three a row: its
 * length, its first page, and its first score; and all pages.
 *
 * <p>The real numbers are scale, cap, and factor of the scores; then a slope and a sink logit for
 * each query head, and cosine and sine of each pair of each token.
 */
final class AttentionKernel {
  /** Numbers before those of the tokens. */
  static final int HEADER = 12;

  /** Real numbers before those of the heads. */
  static final int REALS = 3;

  private static final int LANES = Program.GROUP;

  private AttentionKernel() {}

  static void attend(
      KernelContext context,
      IntArray step,
      FloatArray reals,
      FloatArray q,
      FloatArray keys,
      FloatArray values,
      IntArray positions,
      FloatArray out,
      FloatArray lse,
      FloatArray logits) {
    int entry = context.groupIdx;
    int lane = context.localIdx;
    float[] query = context.allocateFloatLocalArray(KvPoolSpec.MAX_HEAD_DIM);
    float[] weights = context.allocateFloatLocalArray(LANES);
    int[] places = context.allocateIntLocalArray(LANES);
    int queryHeads = step.get(0);
    int headDim = step.get(2);
    int pageSize = step.get(3);
    int pairs = step.get(6);
    int stride = step.get(10);
    int token = entry / queryHeads;
    int head = entry - token * queryHeads;
    int position = step.get(HEADER + 2 * token + 1);
    int row = step.get(8) + 3 * (step.get(HEADER + 2 * token) + head / step.get(1));
    int length = step.get(row);
    int pages = step.get(9) + step.get(row + 1);
    float scale = reals.get(0);
    float cap = reals.get(1);
    float slope = reals.get(REALS + head);
    float sink = reals.get(REALS + queryHeads + head);
    int table = REALS + 2 * queryHeads + 2 * token * pairs;
    for (int dim = lane; dim < headDim; dim += LANES) {
      float element = q.get(entry * headDim + dim);
      if (dim < 2 * pairs) {
        int pair = dim;
        int other = dim + pairs;
        float sign = -1;
        if (step.get(7) == 1) {
          pair = dim / 2;
          other = dim + 1;
          if (2 * pair < dim) {
            other = dim - 1;
            sign = 1;
          }
        } else if (dim >= pairs) {
          pair = dim - pairs;
          other = pair;
          sign = 1;
        }
        float turned = q.get(entry * headDim + other) * reals.get(table + 2 * pair + 1);
        element = element * reals.get(table + 2 * pair) + sign * turned;
      }
      query[dim] = element;
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
      int place = 0;
      if (slot < length) {
        int index = slot / pageSize;
        place = step.get(pages + index) * pageSize + slot - index * pageSize;
        int behind = position - positions.get(place);
        if (behind > step.get(4)) {
          if (behind < step.get(5)) {
            float dot = 0;
            float rest = 0;
            for (int dim = 0; dim < headDim; dim += 2) {
              dot += query[dim] * keys.get(place * headDim + dim);
              rest += query[dim + 1] * keys.get(place * headDim + dim + 1);
            }
            logit = (dot + rest) * scale;
            if (cap > 0) {
              // tanh|x| = (1 − e^(−2|x|)) / (1 + e^(−2|x|))
              float e = TornadoMath.exp(TornadoMath.abs(logit) * (-2 / cap));
              float capped = cap * ((1 - e) / (1 + e));
              if (logit < 0) {
                capped = -capped;
              }
              logit = capped;
            }
            logit = logit - slope * behind;
          }
        }
        if (stride > 0) {
          logits.set(entry * stride + slot, logit);
        }
      }
      weights[lane] = logit;
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
          int at = places[j] + lane;
          if (lane < headDim) {
            a += weight * values.get(at);
          }
          if (lane + LANES < headDim) {
            b += weight * values.get(at + LANES);
          }
          if (lane + 2 * LANES < headDim) {
            c += weight * values.get(at + 2 * LANES);
          }
          if (lane + 3 * LANES < headDim) {
            d += weight * values.get(at + 3 * LANES);
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

  /** Scores of the keys of a decode step, reduced over the query heads of a group. */
  static void reduceScores(
      KernelContext context,
      IntArray step,
      FloatArray reals,
      FloatArray lse,
      FloatArray logits,
      FloatArray scores) {
    int item = context.globalIdx;
    int stride = step.get(10);
    if (item < step.get(11) * stride) {
      int row = item / stride;
      int slot = item - row * stride;
      int at = step.get(8) + 3 * row;
      if (slot < step.get(at)) {
        int group = step.get(1);
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
