package dev.warpwright.softgpu.sim;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.warpwright.softgpu.sim.TestGpu.Shape;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** mbarrier objects: 64 threads exchange values, ordered by arrivals and waits alone. */
class MbarrierTest {
  private static final int SEEDS = 30;
  private static final int THREADS = 64;

  private static final String INIT =
      "mov.b32 %n, 0; st.shared.u32 [%mine], %n; setp.ne.u32 %p, %t, 0; @%p bra INITIALISED; mbarrier.init.shared.b64 [bar], COUNT;"
          + " INITIALISED: bar.sync 0;";

  private static final String STORE = "st.shared.u32 [%mine], %t;";
  private static final String LOAD = "ld.shared.u32 %v, [%theirs];";
  private static final String ARRIVE = "mbarrier.arrive.shared.b64 %state, [bar];";
  private static final String WAIT =
      "WAIT: mbarrier.test_wait.shared.b64 %p, [bar], %state; @!%p bra WAIT;";

  /** Each thread stores its number and passes on what the other one of its pair has stored. */
  private static TestGpu gpu(int count, String... body) {
    return new TestGpu(
        """
        .version 9.0
        .target sm_90
        .address_size 64
        .visible .entry exchange(.param .u64 pin, .param .u64 pout)
        {
          .reg .pred %p, %q;
          .reg .b32 %t, %u, %v, %mine, %theirs, %n;
          .reg .b64 %state, %in, %out, %off;
          .shared .align 8 .b64 bar;
          .shared .align 16 .b8 s[1024];
          mov.u32 %t, %tid.x;
          xor.b32 %u, %t, 33;
          mov.u32 %mine, s;
          mad.lo.u32 %theirs, %u, 4, %mine;
          mad.lo.u32 %mine, %t, 4, %mine;
          mul.wide.u32 %off, %t, 4;
          ld.param.u64 %in, [pin];
          add.u64 %in, %in, %off;
          ld.param.u64 %out, [pout];
          add.u64 %out, %out, %off;
          BODY
          st.global.u32 [%out], %v;
          ret;
        }
        """
            .replace("BODY", String.join("\n", body))
            .replace("COUNT", String.valueOf(count)));
  }

  private static int[] run(TestGpu gpu, long seed) {
    int[] numbers = new int[THREADS];
    for (int i = 0; i < THREADS; i++) {
      numbers[i] = i;
    }
    long out = gpu.output(4L * THREADS);
    gpu.launch("exchange", Shape.of(1, THREADS), seed, gpu.upload(numbers), out);
    return gpu.ints(out, THREADS);
  }

  private static void exchanges(TestGpu gpu) {
    for (int seed = 0; seed < SEEDS; seed++) {
      int[] got = run(gpu, seed);
      for (int i = 0; i < THREADS; i++) {
        assertEquals(i ^ 33, got[i]);
      }
    }
  }

  /** The kinds of faults that the schedules show; every schedule shows one, or nothing. */
  private static Set<SimFault.Kind> faults(TestGpu gpu) {
    Set<SimFault.Kind> kinds = new TreeSet<>();
    for (int seed = 0; seed < SEEDS; seed++) {
      try {
        run(gpu, seed);
      } catch (SimFault fault) {
        kinds.add(fault.kind());
      }
    }
    return kinds;
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "mbarrier.test_wait.shared.b64 %p, [bar], %state;",
        "mbarrier.test_wait.parity.shared.b64 %p, [bar], 0;",
        "mbarrier.try_wait.shared::cta.b64 %p, [bar], %state;",
        "mbarrier.try_wait.parity.acquire.cta.shared::cta.b64 %p, [bar], 0, 1000;",
      })
  void ordersWhatCameBeforeTheArrivals(String wait) {
    exchanges(gpu(THREADS, INIT, STORE, ARRIVE, WAIT.replaceAll("mbarrier[^;]*;", wait), LOAD));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        // One thread arrives for two; the other one's stores come before by the barrier of the
        // block.
        "bar.sync 0; and.b32 %n, %t, 1; setp.ne.u32 %q, %n, 0; mov.b64 %state, 0;"
            + " @!%q mbarrier.arrive.release.cta.shared.b64 %state, [bar], 2;",
        "mbarrier.arrive.shared::cta.b64 _, [bar]; mov.b64 %state, 0;",
      })
  void countsArrivals(String arrive) {
    exchanges(gpu(THREADS, INIT, STORE, arrive, WAIT, LOAD));
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3})
  void phasesFollowEachOther(int rounds) {
    String round =
        STORE
            + "mbarrier.arrive.shared.b64 %state, [bar];"
            + "WAITn: mbarrier.test_wait.parity.shared.b64 %p, [bar], PARITY; @!%p bra WAITn;"
            + LOAD
            + "mbarrier.arrive.shared.b64 %state, [bar];"
            + "AGAINn: mbarrier.test_wait.shared.b64 %p, [bar], %state; @!%p bra AGAINn;";
    String[] body = new String[rounds + 1];
    body[0] = INIT;
    for (int i = 0; i < rounds; i++) {
      body[i + 1] = round.replace("n:", i + ":").replace("Tn", "T" + i).replace("Nn", "N" + i);
      body[i + 1] = body[i + 1].replace("PARITY", "0");
    }
    exchanges(gpu(THREADS, body));
  }

  @ParameterizedTest
  @CsvSource({"0, true", "1, false"})
  void aParityIsThatOfThePhaseThatIsWaitedFor(int parity, boolean ends) {
    TestGpu gpu =
        gpu(
            THREADS,
            INIT,
            ARRIVE,
            WAIT,
            "mbarrier.test_wait.parity.shared.b64 %p, [bar], " + parity + ";",
            "selp.u32 %v, 1, 0, %p;");
    assertEquals(ends ? 1 : 0, run(gpu, 0)[0]);
  }

  @ParameterizedTest
  @CsvSource({"mbarrier.arrive.noComplete, 64, 67", "mbarrier.arrive_drop.noComplete, 64, 67"})
  void aStateSaysHowManyArrivalsAreOpen(String arrive, int least, int most) {
    TestGpu gpu =
        gpu(
            67,
            INIT,
            arrive + ".shared.b64 %state, [bar], 1;",
            "mbarrier.pending_count.b64 %v, %state;");
    Set<Integer> open = new TreeSet<>();
    for (int count : run(gpu, 3)) {
      open.add(count);
    }
    assertEquals(THREADS, open.size());
    assertTrue(open.contains(most) && !open.contains(3), open::toString);
    assertTrue(open.stream().allMatch(count -> count > 67 - least), open::toString);
  }

  @ParameterizedTest
  @ValueSource(strings = {"", ".noinc"})
  void copiesHaveLandedWhenThePhaseEnds(String noinc) {
    exchanges(copying(noinc, WAIT));
  }

  @ParameterizedTest
  @ValueSource(strings = {"", ".noinc"})
  void copiesThatNobodyWaitsForAreFound(String noinc) {
    Set<SimFault.Kind> found = faults(copying(noinc, "bar.sync 0;"));
    assertTrue(found.contains(SimFault.Kind.ASYNC_NOT_WAITED), found::toString);
  }

  /** Without .noinc the arrival after the copies does not count: another one must follow. */
  private static TestGpu copying(String noinc, String wait) {
    return gpu(
        THREADS,
        INIT,
        "cp.async.ca.shared.global [%mine], [%in], 4;",
        "cp.async.mbarrier.arrive" + noinc + ".shared.b64 [bar];",
        noinc.isEmpty() ? ARRIVE : "mov.b64 %state, 0;",
        wait,
        LOAD);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "64 | WAIT: setp.ne.u32 %p, %t, 99; | RACE",
        "32 | WAIT: mbarrier.test_wait.shared.b64 %p, [bar], %state; @!%p bra WAIT; | RACE",
      })
  void aWrongWaitOrCountIsFound(int count, String wait, SimFault.Kind kind) {
    TestGpu gpu = gpu(count, INIT, STORE, ARRIVE, wait, LOAD);
    Set<SimFault.Kind> found = faults(gpu);
    assertTrue(found.contains(kind), found::toString);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "mbarrier.arrive.shared.b64 %state, [bar]; | UNINITIALISED",
        "st.shared.b64 [bar], %in; bar.sync 0; mbarrier.arrive.shared.b64 %state, [bar]; "
            + "| DIVERGENT_BARRIER",
        "mbarrier.init.shared.b64 [bar], 0; | DIVERGENT_BARRIER",
        "mbarrier.init.shared.b64 [bar], 64; | DIVERGENT_BARRIER",
        "mov.u32 %mine, bar; mbarrier.init.shared.b64 [%mine+4], 64; | MISALIGNED",
        "mbarrier.init.b64 [%out], 64; | DIVERGENT_BARRIER",
      })
  void misuseIsFound(String body, SimFault.Kind kind) {
    Set<SimFault.Kind> found = faults(gpu(THREADS, body, "mov.b32 %v, 0;"));
    assertTrue(found.contains(kind) || found.contains(SimFault.Kind.RACE), found::toString);
    assertTrue(!found.isEmpty());
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "INIT mbarrier.arrive.noComplete.shared.b64 %state, [bar], 64;",
        "INIT mbarrier.arrive.shared.b64 %state, [bar], 65;",
        "INIT bar.sync 0; mbarrier.inval.shared.b64 [bar];",
        "INIT mov.b64 %state, 0x700000; mbarrier.test_wait.shared.b64 %p, [bar], %state;",
      })
  void aMisusedObjectIsFound(String body) {
    assertTrue(!faults(gpu(THREADS, body.replace("INIT", INIT), "mov.b32 %v, 0;")).isEmpty(), body);
  }
}
