package dev.warpwright.attention;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.warpwright.kernels.MemoryAccount;
import dev.warpwright.kernels.Tensor;
import org.junit.jupiter.api.Test;

class ScoreNotesTest extends RandomSteps {
  /** What is noted is what an explicit softmax of all queries so far adds up to. */
  @Test
  void notesAreThoseOfAnExplicitSoftmax() {
    KvCacheSpec spec = SPEC.observing(Observation.sum());
    try (PagedKvCache cache = ww.kvCache(spec);
        PagedAttention attention = ww.attention(AttentionSpec.queryHeads(4).over(cache))) {
      Sequence sequence = cache.newSequence();
      Batch batch = cache.batch(sequence);
      int tokens = 11;
      Tensor k = normals(tokens, 2);
      Tensor q = normals(tokens, 4);
      int[] steps = {7, 1, 1, 2};
      int at = 0;
      for (int step : steps) {
        batch.advance(step);
        Tensor keys = k.slice(at, at + step);
        attention.append(0, batch, keys, keys);
        Tensor out = Tensor.wrap(new float[step * 32], step, 4, 8);
        attention.attend(0, batch, q.slice(at, at + step), out);
        at += step;
      }
      double[] expected = new double[tokens];
      for (int i = 0; i < tokens; i++) {
        for (int head = 2; head < 4; head++) {
          double[] p = new double[i + 1];
          double sum = 0;
          for (int j = 0; j <= i; j++) {
            double dot = 0;
            for (int dim = 0; dim < 8; dim++) {
              dot += q.getFloat((i * 4L + head) * 8 + dim) * k.getFloat((j * 2L + 1) * 8 + dim);
            }
            p[j] = Math.exp(dot / Math.sqrt(8));
            sum += p[j];
          }
          for (int j = 0; j <= i; j++) {
            expected[j] += p[j] / sum;
          }
        }
      }
      RowStatistics row = cache.notes().row(sequence, cache.row(0, 1));
      for (int j = 0; j < tokens; j++) {
        assertEquals(expected[j], row.score(j), 1e-5);
      }
    }
  }

  @Test
  void whatIsNotedIsAccountedForAndGivenBack() {
    long before = MemoryAccount.live();
    PagedKvCache cache = ww.kvCache(SPEC.observing(Observation.moments(4)));
    // Three moments and an entropy beside each slot.
    assertEquals(100 * 4 * 4 * 4, cache.notes().bytes());
    PagedAttention attention = attention(ww, cache);
    Batch batch = cache.batch(cache.newSequence());
    step(attention, batch, 30);
    step(attention, batch, 1);
    assertEquals(cache.bytes() + attention.workspaceBytes(), MemoryAccount.live() - before);
    cache.evict(batch, new Cake(9, 4, 1, 1, 200, 5));
    attention.close();
    cache.close();
    assertEquals(before, MemoryAccount.live());
  }
}
