package dev.warpwright.cuda.attention;

import static dev.warpwright.cuda.attention.AttentionMachine.assertSameBits;
import static dev.warpwright.cuda.attention.AttentionMachine.random;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.warpwright.cuda.CudaTest;
import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.KernelDevice;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.attention.Heads;
import dev.warpwright.kernels.attention.PageTables;
import dev.warpwright.testkit.ContractTest;
import dev.warpwright.testkit.WeightlessInfinity;
import java.util.Arrays;
import java.util.stream.IntStream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What the contracts promise beside results within a tolerance. */
@CudaTest
class AttentionCudaTest {
  /**
   * A visible infinity or NaN must show, a masked one must not, and one that lies between the lanes
   * and tiles of others must not spread. A key of −∞ has no weight.
   */
  @ParameterizedTest
  @CsvSource({"F32, 1", "F16, 1", "BF16, 4", "F32, 12", "F16, 12", "BF16, 12"})
  void visibleNonFiniteValuesShow(DType dtype, int group) {
    int tokens = 40;
    try (AttentionMachine m = new AttentionMachine(new Heads(1, group, 1, 8), dtype, 16, 1)) {
      Tensor k = m.keys(tokens);
      Tensor v = m.keys(tokens);
      v.setFloat(20 * 8, Float.POSITIVE_INFINITY); // from token 20 on
      v.setFloat(30 * 8 + 1, Float.NEGATIVE_INFINITY);
      // The query's last element meets it, hardly turned.
      k.setFloat(25 * 8 + 7, Float.NEGATIVE_INFINITY);
      v.setFloat(25 * 8 + 2, 77);
      k.setFloat(35 * 8 + 3, Float.NaN);
      m.append.update(m.tables(0, new int[] {tokens}, new int[] {tokens}));
      m.append.run(0, k, v);
      Tensor q = m.queries(tokens);
      for (long i = 7; i < q.elements(); i += 8) {
        q.setFloat(i, 1e-3f);
      }
      Tensor whole = m.queries(tokens);
      m.prefill.update(m.tables(0, new int[] {tokens}, new int[] {tokens}));
      m.prefill.run(0, q, whole, null);
      for (int token : new int[] {0, 19, 20, 29, 30, 34, 35, 39}) {
        m.decode.update(m.tables(0, new int[] {token + 1}, new int[] {1}));
        Tensor one = m.queries(1);
        m.decode.run(0, q.slice(token, token + 1), one, null);
        int last = (group - 1) * 8;
        for (Tensor out : new Tensor[] {one, whole.slice(token, token + 1)}) {
          float[] row = out.toFloats();
          String at = "token " + token;
          if (token >= 35) {
            assertTrue(Float.isNaN(row[last]), at);
            continue;
          }
          assertEquals(token < 20 ? 0 : Float.POSITIVE_INFINITY, row[last], at);
          assertEquals(token < 30 ? 0 : Float.NEGATIVE_INFINITY, row[last + 1], at);
          assertEquals(0, row[last + 2], at);
        }
      }
    }
  }

  /** Before and behind the slot with the weight, in a tile, in a row and in another chunk. */
  @ParameterizedTest
  @CsvSource({
    "F32, 2, 20, 3, 4",
    "F16, 4, 600, 1, 590",
    "F32, 1, 600, 590, 1",
    "BF16, 12, 200, 1, 190",
    "F32, 7, 600, 300, 1"
  })
  void infinitiesWithoutWeightLeaveNoTrace(
      DType dtype, int group, int length, int infinite, int peak) {
    try (KernelDevice reference = ContractTest.open("reference", 1);
        KernelDevice device = ContractTest.open("cuda", 1)) {
      new WeightlessInfinity(dtype, group, length, infinite, peak).run(reference, device);
    }
  }

  /** A vector that is not finite has no codes: who sees its slot sees NaN, who does not zeros. */
  @ParameterizedTest
  @CsvSource({"I8, 1", "F8E4M3, 4", "I8, 12", "F8E4M3, 20"})
  void whatHasNoCodesIsNaNWhereItIsSeen(DType dtype, int group) {
    int tokens = 40;
    int wild = 20;
    try (AttentionMachine m = new AttentionMachine(new Heads(1, group, 1, 8), dtype, 16, 1)) {
      Tensor v = m.keys(tokens);
      v.setFloat(wild * 8, Float.POSITIVE_INFINITY);
      m.append.update(m.tables(0, new int[] {tokens}, new int[] {tokens}));
      m.append.run(0, m.keys(tokens), v);
      Tensor q = m.queries(tokens);
      Tensor whole = m.queries(tokens);
      m.prefill.update(m.tables(0, new int[] {tokens}, new int[] {tokens}));
      m.prefill.run(0, q, whole, null);
      for (int token : new int[] {0, wild - 1, wild, tokens - 1}) {
        Tensor one = m.queries(1);
        m.decode.update(m.tables(0, new int[] {token + 1}, new int[] {1}));
        m.decode.run(0, q.slice(token, token + 1), one, null);
        float[] expected = new float[group * 8];
        Arrays.fill(expected, token < wild ? 0 : Float.NaN);
        assertArrayEquals(expected, one.toFloats());
        assertArrayEquals(expected, whole.slice(token, token + 1).toFloats());
      }
    }
  }

  @ParameterizedTest
  @CsvSource({"F16, 4, 64", "F16, 12, 64", "F32, 1, 128", "I8, 2, 128", "F8E4M3, 12, 64"})
  void decodeGivesTheSameBitsInAnyBatch(DType dtype, int group, int headDim) {
    int[] lengths = {5, 700, 1, 257, 300, 256};
    int count = lengths.length;
    int slots = IntStream.of(lengths).sum();
    try (AttentionMachine m =
        new AttentionMachine(new Heads(1, group, 1, headDim), dtype, 16, count)) {
      m.append.update(m.tables(0, lengths, lengths));
      m.append.run(0, random(m.keys(slots), 1), random(m.keys(slots), 2));
      int[] steps = new int[count];
      Arrays.fill(steps, 1);
      Tensor q = random(m.queries(count), 5);
      Tensor all = m.queries(count);
      m.decode.update(m.tables(0, lengths, steps));
      m.decode.run(0, q, all, null);
      for (int i = 0; i < count; i++) {
        Tensor one = m.queries(1);
        m.decode.update(m.tables(i, new int[] {lengths[i]}, new int[] {1}));
        m.decode.run(0, q.slice(i, i + 1), one, null);
        assertSameBits(all.slice(i, i + 1), one);
      }
    }
  }

  /** Masked keys leave no trace, not even in rounding: so chunks give the bits of the whole. */
  @ParameterizedTest
  @CsvSource({"F16, 3, 128", "F32, 2, 64"})
  void prefillInChunksGivesWhatTheWholeGives(DType dtype, int group, int headDim) {
    int tokens = 130;
    try (AttentionMachine m = new AttentionMachine(new Heads(1, group, 1, headDim), dtype, 16, 1)) {
      m.append.update(m.tables(0, new int[] {tokens}, new int[] {tokens}));
      m.append.run(0, random(m.keys(tokens), 1), random(m.keys(tokens), 2));
      Tensor q = random(m.queries(tokens), 3);
      Tensor whole = m.queries(tokens);
      m.prefill.update(m.tables(0, new int[] {tokens}, new int[] {tokens}));
      m.prefill.run(0, q, whole, null);
      int from = 0;
      for (int to : new int[] {1, 17, 18, 100, tokens}) {
        Tensor part = m.queries(to - from);
        m.prefill.update(m.tables(0, new int[] {to}, new int[] {to - from}));
        m.prefill.run(0, q.slice(from, to), part, null);
        assertSameBits(whole.slice(from, to), part);
        from = to;
      }
    }
  }

  /** One request for tokens at any positions gives what a request for each gives. */
  @ParameterizedTest
  @CsvSource({"F16, 3, 128", "F32, 1, 64"})
  void queriesMayBeAnywhere(DType dtype, int group, int headDim) {
    int tokens = 130;
    int[] positions = {129, 3, 40, 40, 90};
    try (AttentionMachine m = new AttentionMachine(new Heads(1, group, 1, headDim), dtype, 16, 1)) {
      m.append.update(m.tables(0, new int[] {tokens}, new int[] {tokens}));
      m.append.run(0, random(m.keys(tokens), 1), random(m.keys(tokens), 2));
      Tensor q = random(m.queries(positions.length), 3);
      Tensor together = m.queries(positions.length);
      int[] pages = IntStream.range(0, 9).toArray();
      m.prefill.update(
          new PageTables(1, 1, 16).begin(1).request(positions).row(tokens, pages, 0, 9));
      m.prefill.run(0, q, together, null);
      for (int i = 0; i < positions.length; i++) {
        Tensor one = m.queries(1);
        m.prefill.update(
            new PageTables(1, 1, 16).begin(1).request(1, positions[i]).row(tokens, pages, 0, 9));
        m.prefill.run(0, q.slice(i, i + 1), one, null);
        assertSameBits(together.slice(i, i + 1), one);
      }
    }
  }
}
