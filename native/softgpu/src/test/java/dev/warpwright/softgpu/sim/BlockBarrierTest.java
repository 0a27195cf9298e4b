package dev.warpwright.softgpu.sim;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.warpwright.softgpu.sim.TestGpu.Shape;
import java.util.EnumSet;
import java.util.Set;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Every form of bar and barrier. */
class BlockBarrierTest {
  private static final int SEEDS = 20;
  private static final int THREADS = 96;

  /** Each thread stores its number, BODY, and loads that of the next warp's thread. */
  private static TestGpu gpu(String body) {
    return new TestGpu(
        """
        .version 9.0
        .target sm_80
        .address_size 64
        .visible .entry k(.param .u64 pout)
        {
          .reg .pred %p, %q, %odd, %upper;
          .reg .b32 %t, %u, %v, %d, %mine, %theirs, %warp, %id, %n;
          .reg .b64 %out, %off;
          .shared .align 4 .b8 s[384];
          mov.u32 %t, %tid.x;
          shr.u32 %warp, %t, 5;
          and.b32 %u, %t, 1;
          setp.ne.u32 %odd, %u, 0;
          and.b32 %u, %t, 16;
          setp.ne.u32 %upper, %u, 0;
          add.u32 %u, %t, 32;
          rem.u32 %u, %u, 96;
          mov.u32 %mine, s;
          mad.lo.u32 %theirs, %u, 4, %mine;
          mad.lo.u32 %mine, %t, 4, %mine;
          ld.param.u64 %out, [pout];
          mul.wide.u32 %off, %t, 8;
          add.u64 %out, %out, %off;
          mov.b32 %v, 0;
          st.shared.u32 [%mine], %v;
          mov.b32 %d, 0;
          mov.b32 %id, 5;
          mov.b32 %n, 96;
          bar.sync 0;
          st.shared.u32 [%mine], %t;
          BODY
          ld.shared.u32 %v, [%theirs];
          st.global.v2.u32 [%out], {%v, %d};
          ret;
        }
        """
            .replace("BODY", body));
  }

  private static int[] run(TestGpu gpu, long seed) {
    long out = gpu.output(8L * THREADS);
    gpu.launch("k", Shape.of(1, THREADS), seed, out);
    return gpu.ints(out, 2 * THREADS);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "bar.sync 0;",
        "bar.sync 15, 96;",
        "bar.cta.sync 3;",
        "barrier.sync 4;",
        "barrier.sync.aligned %id, %n;",
        "barrier.cta.sync %id;",
        "bar.arrive 2, 96; bar.sync 3, 96;",
        // Lanes of a warp wait at two places.
        "@%upper bra UP; barrier.sync 1; bra.uni ON; UP: barrier.sync 1; ON:",
        "@%upper bra UP; barrier.cta.sync 1, 96; bra.uni ON; UP: barrier.cta.sync 1, 96; ON:",
      })
  void orders(String barrier) {
    TestGpu gpu = gpu(barrier);
    for (int seed = 0; seed < SEEDS; seed++) {
      int[] got = run(gpu, seed);
      for (int i = 0; i < THREADS; i++) {
        assertEquals((i + 32) % THREADS, got[2 * i]);
      }
    }
  }

  /** 16 threads of each of three warps are upper, half of all are odd. */
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "bar.red.popc.u32 %d, 0, %odd; | 48",
        "bar.cta.red.popc.u32 %d, 0, !%upper; | 48",
        "barrier.red.popc.u32 %d, %id, %n, %odd; | 48",
        "barrier.cta.red.popc.aligned.u32 %d, 1, 96, %odd; | 48",
        "bar.red.and.pred %p, 0, %odd; selp.u32 %d, 1, 0, %p; | 0",
        "setp.lt.u32 %q, %t, 96; bar.red.and.pred %p, 0, 96, %q; selp.u32 %d, 1, 0, %p; | 1",
        "bar.red.or.pred %p, 0, %odd; selp.u32 %d, 1, 0, %p; | 1",
        "setp.gt.u32 %q, %t, 95; barrier.cta.red.or.pred %p, 0, %q; selp.u32 %d, 1, 0, %p; | 0",
        "setp.eq.u32 %q, %t, 95; barrier.red.or.aligned.pred %p, 2, %q; selp.u32 %d, 1, 0, %p; | 1",
        // Each of two places has a predicate of its own.
        "@%upper bra UP; barrier.red.popc.u32 %d, 1, %odd; bra.uni ON;"
            + " UP: barrier.red.popc.u32 %d, 1, %upper; ON: | 72",
      })
  void reduces(String barrier, int expected) {
    TestGpu gpu = gpu(barrier);
    for (int seed = 0; seed < SEEDS; seed++) {
      int[] got = run(gpu, seed);
      for (int i = 0; i < THREADS; i++) {
        assertEquals(expected, got[2 * i + 1]);
      }
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "bar.arrive 2, 96; | RACE",
        "@%odd bar.sync 0; | DIVERGENT_BARRIER",
        "@%odd barrier.sync.aligned 0; | DIVERGENT_BARRIER",
        "@%upper bra UP; bar.sync 1; bra.uni ON; UP: bar.sync 1; ON: | DIVERGENT_BARRIER",
        "@%upper mov.b32 %id, 6; barrier.sync %id; | DIVERGENT_BARRIER",
        "barrier.sync 16; | DIVERGENT_BARRIER",
        "bar.sync 1, 95; | DIVERGENT_BARRIER",
        "bar.sync 1, 128; | DEADLOCK",
        "bar.sync %warp; | DEADLOCK",
        "bar.sync %warp, 32; | RACE",
      })
  void misuseIsFound(String barrier, SimFault.Kind kind) {
    TestGpu gpu = gpu(barrier);
    Set<SimFault.Kind> kinds = EnumSet.noneOf(SimFault.Kind.class);
    for (int seed = 0; seed < SEEDS; seed++) {
      try {
        run(gpu, seed);
      } catch (SimFault fault) {
        kinds.add(fault.kind());
      }
    }
    assertTrue(kinds.contains(kind), kinds::toString);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "bar.arrive 1;",
        "bar.sync;",
        "bar.red.xor.pred %p, 0, %odd;",
        "bar.red.popc.pred %p, 0, %odd;",
        "barrier.cluster.arrive;",
      })
  void formsThatDoNotExistAreRefused(String barrier) {
    assertThrows(PtxException.class, () -> gpu(barrier));
  }
}
