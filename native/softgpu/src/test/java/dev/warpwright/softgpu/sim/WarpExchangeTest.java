package dev.warpwright.softgpu.sim;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.warpwright.softgpu.sim.TestGpu.Shape;
import java.util.Random;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** redux, match, elect and vote of some lanes of a warp. */
class WarpExchangeTest {
  private static final int LANES = 32;
  private static final int[] MASKS = {-1, 1, 0x80000000, 0x0000ffff, 0x5a5a5a5a, 0xff00ff01};

  /** What the lanes of a mask get: a result, and a predicate where there is one. */
  private interface Reference {
    long of(int[] values, int mask, int lane);
  }

  /**
   * Runs an instruction for the lanes of each mask: %v holds the value, %m the mask, %d takes the
   * result and %p the predicate.
   */
  private static void check(String instruction, Reference reference) {
    String ptx =
        """
        .version 9.0
        .target sm_90
        .address_size 64
        .visible .entry k(.param .u64 pin, .param .u64 pout, .param .u32 pmask)
        {
          .reg .pred %p, %in;
          .reg .b32 %v, %m, %d, %t, %bit, %e;
          .reg .b64 %a, %b, %o, %w;
          mov.u32 %t, %tid.x;
          ld.param.u32 %m, [pmask];
          shr.u32 %bit, %m, %t;
          and.b32 %bit, %bit, 1;
          setp.eq.u32 %in, %bit, 0;
          @%in bra DONE;
          setp.eq.u32 %p, %t, 99;
          ld.param.u64 %a, [pin];
          ld.param.u64 %b, [pout];
          mul.wide.u32 %o, %t, 4;
          add.u64 %a, %a, %o;
          mul.wide.u32 %o, %t, 8;
          add.u64 %b, %b, %o;
          ld.global.b32 %v, [%a];
          cvt.u64.u32 %w, %v;
          shl.b64 %w, %w, 9;
          INSTRUCTION
          selp.u32 %e, 1, 0, %p;
          st.global.b32 [%b], %d;
          st.global.b32 [%b+4], %e;
        DONE:
          ret;
        }
        """
            .replace("INSTRUCTION", instruction);
    TestGpu gpu = new TestGpu(ptx);
    Random random = new Random(instruction.hashCode());
    for (int mask : MASKS) {
      for (int bound : new int[] {1, 3, Integer.MAX_VALUE}) {
        int[] values = random.ints(LANES, -bound, bound).toArray();
        long out = gpu.upload(new long[LANES]);
        gpu.launch("k", Shape.of(1, LANES), mask, gpu.upload(values), out, mask);
        long[] got = gpu.longs(out, LANES);
        for (int lane = 0; lane < LANES; lane++) {
          long expected = (mask >>> lane & 1) == 0 ? 0 : reference.of(values, mask, lane);
          assertEquals(Long.toHexString(expected), Long.toHexString(got[lane]), instruction + lane);
        }
      }
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "add.s32", "add.u32", "min.s32", "max.s32", "min.u32", "max.u32", "and.b32", "or.b32",
        "xor.b32"
      })
  void reduces(String what) {
    check(
        "redux.sync." + what + " %d, %v, %m;",
        (values, mask, lane) -> {
          Integer result = null;
          for (int i = 0; i < LANES; i++) {
            if ((mask >>> i & 1) != 0) {
              result = result == null ? values[i] : combine(what, result, values[i]);
            }
          }
          return (result == null ? 0 : result) & 0xffffffffL;
        });
  }

  private static int combine(String what, int a, int b) {
    return switch (what) {
      case "add.s32", "add.u32" -> a + b;
      case "min.s32" -> Math.min(a, b);
      case "max.s32" -> Math.max(a, b);
      case "min.u32" -> (int) Math.min(a & 0xffffffffL, b & 0xffffffffL);
      case "max.u32" -> (int) Math.max(a & 0xffffffffL, b & 0xffffffffL);
      case "and.b32" -> a & b;
      case "or.b32" -> a | b;
      default -> a ^ b;
    };
  }

  private static int equal(int[] values, int mask, int lane) {
    int same = 0;
    for (int i = 0; i < LANES; i++) {
      same |= (mask >>> i & 1) != 0 && values[i] == values[lane] ? 1 << i : 0;
    }
    return same;
  }

  @ParameterizedTest
  @ValueSource(strings = {"b32 %d, %v", "b64 %d, %w"})
  void matchesAny(String operands) {
    check(
        "match.any.sync." + operands + ", %m;",
        (values, mask, lane) -> equal(values, mask, lane) & 0xffffffffL);
  }

  @ParameterizedTest
  @ValueSource(strings = {"b32 %d|%p, %v", "b64 %d|%p, %w"})
  void matchesAll(String operands) {
    check(
        "match.all.sync." + operands + ", %m;",
        (values, mask, lane) ->
            equal(values, mask, lane) == mask ? 1L << 32 | (mask & 0xffffffffL) : 0);
  }

  @ParameterizedTest
  @ValueSource(strings = {"elect.sync %d|%p, %m;"})
  void electsOne(String instruction) {
    check(
        instruction,
        (values, mask, lane) -> {
          int leader = Integer.numberOfTrailingZeros(mask);
          return (lane == leader ? 1L << 32 : 0) | leader;
        });
  }

  @ParameterizedTest
  @ValueSource(strings = {"all", "any", "uni"})
  void votes(String mode) {
    check(
        "setp.gt.s32 %p, %v, 0; vote.sync." + mode + ".pred %p, %p, %m; mov.b32 %d, 0;",
        (values, mask, lane) -> {
          int yes = ballot(values, mask);
          boolean result =
              switch (mode) {
                case "all" -> yes == mask;
                case "any" -> yes != 0;
                default -> yes == mask || yes == 0;
              };
          return result ? 1L << 32 : 0;
        });
  }

  @ParameterizedTest
  @ValueSource(strings = {"vote.sync.ballot.b32 %d, %p, %m;"})
  void casts(String ballot) {
    check(
        "setp.gt.s32 %p, %v, 0; " + ballot + " setp.eq.u32 %p, %t, 99;",
        (values, mask, lane) -> ballot(values, mask) & 0xffffffffL);
  }

  private static int ballot(int[] values, int mask) {
    int yes = 0;
    for (int i = 0; i < LANES; i++) {
      yes |= (mask >>> i & 1) != 0 && values[i] > 0 ? 1 << i : 0;
    }
    return yes;
  }
}
