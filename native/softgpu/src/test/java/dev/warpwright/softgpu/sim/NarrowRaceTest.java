package dev.warpwright.softgpu.sim;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.warpwright.softgpu.sim.TestGpu.Shape;
import java.lang.foreign.MemorySegment;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Races between accesses that are narrower than a word, in device memory. */
class NarrowRaceTest {
  private static final int SEEDS = 20;
  private static final int THREADS = 64;

  /** Each thread stores its number and reads that of its neighbour in the next warp. */
  private static String kernel(int bytes, String barrier) {
    return """
    .version 8.0
    .target sm_80
    .address_size 64
    .visible .entry exchange(.param .u64 p_x, .param .u64 p_out)
    {
      .reg .b16 %h<3>;
      .reg .b32 %r<4>;
      .reg .b64 %rd<9>;
      ld.param.u64 %rd1, [p_x];
      ld.param.u64 %rd2, [p_out];
      cvta.to.global.u64 %rd1, %rd1;
      cvta.to.global.u64 %rd2, %rd2;
      mov.u32 %r1, %tid.x;
      xor.b32 %r2, %r1, 33;
      mul.wide.u32 %rd3, %r1, BYTES;
      mul.wide.u32 %rd4, %r2, BYTES;
      add.s64 %rd5, %rd1, %rd3;
      add.s64 %rd6, %rd1, %rd4;
      add.s64 %rd7, %rd2, %rd3;
      cvt.u16.u32 %h1, %r1;
      st.global.BITS [%rd5], %h1;
      BARRIER
      ld.global.BITS %h2, [%rd6];
      st.global.BITS [%rd7], %h2;
      ret;
    }
    """
        .replace("BYTES", String.valueOf(bytes))
        .replace("BITS", "u" + 8 * bytes)
        .replace("BARRIER", barrier);
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2})
  void neighboursInAWordAreToldApart(int bytes) {
    TestGpu gpu = new TestGpu(kernel(bytes, "bar.sync 0;"));
    for (int seed = 0; seed < SEEDS; seed++) {
      long out = run(gpu, bytes, seed);
      byte[] got = new byte[THREADS * bytes];
      gpu.memory.copyOut(out, MemorySegment.ofArray(got));
      for (int i = 0; i < THREADS; i++) {
        assertEquals(i ^ 33, got[i * bytes]);
      }
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2})
  void aMissingBarrierIsFound(int bytes) {
    TestGpu gpu = new TestGpu(kernel(bytes, ""));
    int found = 0;
    for (int seed = 0; seed < SEEDS; seed++) {
      try {
        run(gpu, bytes, seed);
      } catch (SimFault fault) {
        assertEquals(SimFault.Kind.RACE, fault.kind(), fault.getMessage());
        found++;
      }
    }
    assertTrue(found > 0, "no schedule shows it");
  }

  /**
   * Warp 0 writes byte 0, then warp 1 byte 1, and when warp 2 reads byte 0, nothing orders that.
   */
  private static final String FORGOTTEN =
      """
      .version 8.0
      .target sm_80
      .address_size 64
      .visible .entry exchange(.param .u64 p_x, .param .u64 p_flag)
      {
        .reg .pred %p, %q;
        .reg .b16 %h;
        .reg .b32 %t, %w;
        .reg .b64 %x, %flag;
        ld.param.u64 %x, [p_x];
        ld.param.u64 %flag, [p_flag];
        mov.u32 %t, %tid.x;
        and.b32 %w, %t, 31;
        setp.ne.u32 %p, %w, 0;
        setp.ge.u32 %q, %t, 64;
        @%q bra THIRD;
        cvt.u16.u32 %h, %t;
        setp.ne.u32 %q, %t, 0;
        @!%q st.global.u8 [%x], %h;
        bar.sync 1, 64;
        setp.ne.u32 %q, %t, 32;
        @!%q st.global.u8 [%x+1], %h;
        @!%q st.relaxed.gpu.global.u32 [%flag], %t;
        ret;
        THIRD:
        ld.relaxed.gpu.global.u32 %w, [%flag];
        setp.eq.u32 %q, %w, 0;
        @%q bra THIRD;
        @!%p ld.global.u8 %h, [%x];
        ret;
      }
      """;

  /** A mistake that is known to survive: device memory remembers one narrow access a word. */
  @Test
  void theLastNarrowAccessHidesTheOneBefore() {
    TestGpu gpu = new TestGpu(FORGOTTEN);
    for (int seed = 0; seed < SEEDS; seed++) {
      long x = gpu.upload(new int[1]);
      gpu.launch("exchange", Shape.of(1, 96), seed, x, gpu.upload(new int[1]));
      byte[] got = new byte[2];
      gpu.memory.copyOut(x, MemorySegment.ofArray(got));
      assertEquals(32, got[1]);
    }
    TestGpu wide = new TestGpu(FORGOTTEN.replace("[%x+1]", "[%x+4]"));
    long x = wide.upload(new int[2]);
    long flag = wide.upload(new int[1]);
    SimFault fault =
        assertThrows(SimFault.class, () -> wide.launch("exchange", Shape.of(1, 96), 0, x, flag));
    assertEquals(SimFault.Kind.RACE, fault.kind(), fault.getMessage());
  }

  private static long run(TestGpu gpu, int bytes, long seed) {
    long out = gpu.output((long) THREADS * bytes);
    // The exchanged bytes are written before, so that only their order can be wrong.
    long exchanged = gpu.upload(new int[THREADS * bytes / Integer.BYTES]);
    gpu.launch("exchange", Shape.of(1, THREADS), seed, exchanged, out);
    return out;
  }
}
