package dev.warpwright.testkit.attention;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.attention.Heads;
import dev.warpwright.kernels.attention.KvPoolSpec;
import dev.warpwright.kernels.attention.PageTables;
import dev.warpwright.kernels.attention.Rope;
import dev.warpwright.testkit.Refusals;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;

/** What tests of refusals share: two small requests, and tensors that nothing may change. */
abstract class AttentionArguments {
  static final Heads HEADS = new Heads(2, 4, 2, 8);
  static final KvPoolSpec SPEC = new KvPoolSpec(10, 4, 8, DType.F32);

  final Tensor q = Refusals.floats(2, 4, 8);
  final Tensor out = Refusals.floats(2, 4, 8);
  final Tensor lse = Refusals.floats(2, 4);
  final Tensor k = Refusals.floats(2, 2, 8);
  final Tensor v = Refusals.floats(2, 2, 8);
  final Refusals refusals = new Refusals(q, out, lse, k, v);

  static Fixture open(String provider) {
    return new Fixture(provider, HEADS, SPEC, Rope.rotateHalf(8, 1e4));
  }

  /** Two requests of one new token each; every row has one page of its own. */
  static PageTables tables() {
    return tables(new int[] {0, 1, 2, 3, 4, 5, 6, 7}, 3);
  }

  static PageTables tables(int[] pages, int length) {
    PageTables tables = new PageTables(2, 2, 4).begin(2).request(1, 2).request(1, 2);
    for (int row = 0; row < 8; row++) {
      tables.row(length, pages, row, 1);
    }
    return tables;
  }

  static Tensor[] contents(Fixture f) {
    return f.exported(IntStream.range(0, 10).toArray());
  }

  static void assertUnchanged(Tensor[] before, Fixture f) {
    Tensor[] now = contents(f);
    for (int i = 0; i < now.length; i++) {
      assertEquals(-1, before[i].segment().mismatch(now[i].segment()), "the pool was changed");
    }
  }

  @AfterEach
  void inputsAreAsTheyWere() {
    assertArrayEquals(Refusals.floats(2, 4, 8).toFloats(), q.toFloats());
  }
}
