package dev.warpwright.softgpu.sim;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.warpwright.softgpu.sim.TestGpu.Shape;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** brx.idx, which nvcc 13 does not write; activemask, which shows who is where. */
class BranchTest {
  private static final int THREADS = 64;

  private static TestGpu gpu(String body) {
    return new TestGpu(
        """
        .version 9.0
        .target sm_80
        .address_size 64
        .visible .entry k(.param .u64 pin, .param .u64 pout)
        {
          .reg .pred %p;
          .reg .b32 %t, %v, %d;
          .reg .b64 %in, %out, %off;
          mov.u32 %t, %tid.x;
          mul.wide.u32 %off, %t, 4;
          ld.param.u64 %in, [pin];
          add.u64 %in, %in, %off;
          ld.param.u64 %out, [pout];
          add.u64 %out, %out, %off;
          ld.global.u32 %v, [%in];
          mov.b32 %d, 0;
          BODY
          st.global.u32 [%out], %d;
          ret;
        }
        """
            .replace("BODY", body));
  }

  private static int[] run(TestGpu gpu, int[] values, long seed) {
    long out = gpu.output(4L * THREADS);
    gpu.launch("k", Shape.of(1, THREADS), seed, gpu.upload(values), out);
    return gpu.ints(out, THREADS);
  }

  private static int[] values(int bound) {
    int[] values = new int[THREADS];
    Arrays.setAll(values, i -> i * 7 % 11 % bound);
    return values;
  }

  /** The list may stand behind the branch, name a label twice, and jump backwards. */
  private static final String TABLE =
      """
      cases: .branchtargets ONE, TWO, ONE, AGAIN;
      AGAIN:
      add.u32 %d, %d, 100;
      setp.gt.u32 %p, %d, 250;
      @%p bra END;
      GUARDbrx.idx %v, cases;
      bra.uni END;
      ONE:
      add.u32 %d, %d, 1;
      bra.uni END;
      TWO:
      add.u32 %d, %d, 2;
      END:
      """;

  @Test
  void anIndexChoosesTheLabel() {
    TestGpu gpu = gpu(TABLE.replace("GUARD", ""));
    int[] values = values(4);
    int[] expected = Arrays.stream(values).map(v -> new int[] {101, 102, 101, 300}[v]).toArray();
    for (int seed = 0; seed < 20; seed++) {
      assertArrayEquals(expected, run(gpu, values, seed));
    }
  }

  @Test
  void lanesWithoutTheGuardPass() {
    TestGpu gpu =
        gpu(
            TABLE
                .replace("setp.gt.u32 %p, %d, 250;", "")
                .replace("@%p bra END;", "")
                .replace("GUARD", "setp.gt.u32 %p, %t, 19; @%p "));
    int[] values = values(2);
    int[] expected = new int[THREADS];
    Arrays.setAll(expected, i -> i > 19 ? 101 + values[i] : 100);
    assertArrayEquals(expected, run(gpu, values, 3));
  }

  @ParameterizedTest
  @ValueSource(ints = {4, -1})
  void anIndexWithoutLabelIsFound(int index) {
    int[] values = new int[THREADS];
    values[37] = index;
    SimFault fault =
        assertThrows(SimFault.class, () -> run(gpu(TABLE.replace("GUARD", "")), values, 0));
    assertEquals(SimFault.Kind.OUT_OF_BOUNDS, fault.kind());
    assertEquals("37, 0, 0", fault.site().thread());
  }

  @Test
  void activeLanesAreThoseThatExecute() {
    String body = "and.b32 %v, %t, 3; setp.ne.u32 %p, %v, 1; @!%p activemask.b32 %d;";
    int[] got = run(gpu(body), new int[THREADS], 0);
    for (int i = 0; i < THREADS; i++) {
      assertEquals(i % 4 == 1 ? 0x22222222 : 0, got[i]);
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1, 2, 3, 4, 5, 6, 7})
  void lanesOfOneBranchNeedNotBeActiveTogether(int seed) {
    String body =
        "setp.lt.u32 %p, %v, 2; @%p bra LESS; activemask.b32 %d; bra.uni END;"
            + " LESS: activemask.b32 %d; END:";
    int[] values = values(4);
    int[] got = run(gpu(body), values, seed);
    for (int i = 0; i < THREADS; i++) {
      assertEquals(1, got[i] >>> (i & 31) & 1, "the lane itself");
      for (int j = i & 32; j < (i & 32) + 32; j++) {
        boolean together = (got[i] >>> (j & 31) & 1) != 0;
        assertEquals(together, together && values[j] < 2 == values[i] < 2, "lane " + j);
      }
    }
  }
}
