package dev.warpwright.testkit.attention;

import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.attention.PageTables;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Which batches plans of the attention family refuse: saying what and why, and touching nothing.
 */
class TablesArgumentsTest extends AttentionArguments {
  @ParameterizedTest
  @ValueSource(strings = {"reference", "cpu"})
  void tablesAtUpdate(String provider) {
    try (Fixture f = open(provider)) {
      Tensor[] before = contents(f);
      refusals.assertRefused("batch", "null", "not null", () -> f.decode.update(null));
      refusals.assertRefused(
          "batch.layers", "1", "2", () -> f.decode.update(new PageTables(1, 2, 4)));
      refusals.assertRefused(
          "batch.kvHeads", "4", "2", () -> f.append.update(new PageTables(2, 4, 4)));
      refusals.assertRefused(
          "tables.pageSize",
          "8",
          "the pool's 4",
          () -> f.prefill.update(new PageTables(2, 2, 8).begin(0)));
      refusals.assertRefused(
          "tables",
          "1 requests and 0 rows",
          "1 requests and 4 rows, as begun",
          () -> f.decode.update(new PageTables(2, 2, 4).begin(1).request(1, 0)));
      refusals.assertRefused(
          "tables.page[row 5][0]",
          "10",
          "0..9",
          () -> f.decode.update(tables(new int[] {0, 1, 2, 3, 4, 10, 6, 7}, 3)));
      refusals.assertRefused(
          "tables.page[row 0][0]",
          "-1",
          "0..9",
          () -> f.append.update(tables(new int[] {-1, 1, 2, 3, 4, 5, 6, 7}, 3)));
      refusals.assertRefused(
          "tables.page[row 7][0]",
          "2",
          "a page that no other row of the batch writes",
          () -> f.append.update(tables(new int[] {0, 1, 2, 3, 4, 5, 6, 2}, 3)));
      refusals.assertRefused(
          "tables.length[row 0]",
          "0",
          "at least the request's 1 new tokens",
          () -> f.append.update(tables(new int[] {0, 1, 2, 3, 4, 5, 6, 7}, 0)));
      refusals.assertRefused(
          "length", "5", "0..4", () -> tables(new int[] {0, 1, 2, 3, 4, 5, 6, 7}, 5));
      refusals.assertRefused(
          "batch.newTokens[0]",
          "2",
          "1 in a decode step",
          () -> f.decode.update(f.tables(3, 2, 0)));
      refusals.assertRefused(
          "batch.requests",
          "65",
          "0..64",
          () -> f.decode.update(new PageTables(2, 2, 4).begin(65)));
      refusals.assertRefused(
          "batch.tokens", "4097", "0..4096", () -> f.append.update(f.tables(3, 4097, 0)));
      int[] many = new int[1025];
      refusals.assertRefused(
          "batch.maxLength",
          "4100",
          "0..4096",
          () -> {
            PageTables tables = new PageTables(2, 2, 4).begin(1).request(1, 0);
            for (int row = 0; row < 4; row++) {
              tables.row(4100, many, 0, 1025);
            }
            f.prefill.update(tables);
          });
      // A refused update leaves no batch behind.
      f.decode.update(tables());
      assertThrows(IllegalArgumentException.class, () -> f.decode.update(f.tables(3, 2, 0)));
      refusals.assertIllegalState(
          "no batch: call update before run", () -> f.decode.run(0, q, out, lse));
      assertUnchanged(before, f);
    }
  }
}
