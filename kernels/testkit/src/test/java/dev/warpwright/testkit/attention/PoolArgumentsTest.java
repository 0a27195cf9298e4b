package dev.warpwright.testkit.attention;

import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.KernelDevice;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.attention.AppendKvSpec;
import dev.warpwright.kernels.attention.KvPool;
import dev.warpwright.kernels.attention.KvPoolSpec;
import dev.warpwright.kernels.attention.PagedDecodeSpec;
import dev.warpwright.kernels.attention.PagedPrefillSpec;
import dev.warpwright.testkit.ContractTest;
import dev.warpwright.testkit.Refusals;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What is refused of pools and with them: saying what and why, and touching nothing. */
@SuppressWarnings("try") // resources are closed early to see that they refuse then
class PoolArgumentsTest extends AttentionArguments {
  @ParameterizedTest
  @ValueSource(strings = {"reference", "cpu"})
  void pools(String provider) {
    try (Fixture f = open(provider);
        KernelDevice other = ContractTest.open(provider, 1);
        KvPool foreign = other.attention().pool(SPEC);
        KvPool small = f.device.attention().pool(new KvPoolSpec(9, 4, 8, DType.F32))) {
      AppendKvSpec append = f.append.spec();
      PagedDecodeSpec decode = f.decode.spec();
      PagedPrefillSpec prefill = f.prefill.spec();
      String place = f.device.place();
      refusals.assertRefused(
          "pool.device",
          place,
          "the plan's own " + place,
          () -> f.device.attention().appendKv(append, foreign));
      refusals.assertRefused(
          "pool.spec",
          small.spec().toString(),
          SPEC.toString(),
          () -> f.device.attention().pagedDecode(decode, small));
      refusals.assertRefused(
          "pool", "null", "not null", () -> f.device.attention().pagedPrefill(prefill, null));
      int[] page = {10};
      Tensor pages = Refusals.floats(1, 4, 8);
      Tensor positions = Refusals.ints(new int[4], 1, 4);
      refusals.assertRefused(
          "pages[0]", "10", "0..9", () -> f.pool.importPages(page, pages, k, positions));
      refusals.assertRefused(
          "pages[1]",
          "3",
          "each page once",
          () ->
              f.pool.importPages(
                  new int[] {3, 3},
                  Refusals.floats(2, 4, 8),
                  Refusals.floats(2, 4, 8),
                  Refusals.ints(new int[8], 2, 4)));
      refusals.assertRefused(
          "values.shape",
          "[2, 2, 8]",
          "[1, 4, 8]",
          () -> f.pool.exportPages(new int[] {1}, pages, k, positions));
      f.decode.update(tables());
      f.pool.close();
      f.pool.close();
      String closed = "KV pool on " + place + " is closed";
      refusals.assertIllegalState(closed, () -> f.decode.run(0, q, out, lse));
      refusals.assertIllegalState(
          closed, () -> f.pool.exportPages(new int[] {1}, pages, pages, positions));
    }
  }
}
