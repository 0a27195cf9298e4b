package dev.warpwright.softgpu.sim;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Traffic counted by hand. */
class CountersTest {
  private static final String PTX =
      """
      .version 9.0
      .target sm_80
      .address_size 64
      .visible .entry k(.param .u64 p, .param .u32 stride)
      {
        .reg .b32 %r<8>; .reg .b64 %q<8>;
        .shared .align 16 .b8 s[8192];
        ld.param.u64 %q1, [p];
        ld.param.u32 %r1, [stride];
        mov.u32 %r2, %tid.x;
        mul.lo.s32 %r3, %r1, %r2;
        cvt.u64.u32 %q2, %r3;
        add.s64 %q1, %q1, %q2;
        ld.global.u32 %r4, [%q1];
        mov.u32 %r5, s;
        add.s32 %r5, %r5, %r3;
        st.shared.u32 [%r5], %r4;
        ret;
      }
      """;

  @ParameterizedTest
  @CsvSource({"4, 4, 1", "8, 8, 2", "128, 32, 32", "0, 1, 1", "132, 32, 1"})
  void countsSectorsAndBankConflicts(int stride, int sectors, int wavefronts) {
    TestGpu gpu = new TestGpu(PTX);
    LaunchReport report =
        gpu.launch("k", TestGpu.Shape.of(1, 32), 0, gpu.upload(new int[2000]), stride);
    assertEquals(1, report.globalLoads());
    assertEquals(sectors, report.globalLoadSectors());
    assertEquals(32L * sectors, report.globalLoadUniqueBytes());
    assertEquals(wavefronts, report.sharedWavefronts());
    assertEquals(wavefronts - 1, report.bankConflicts());
    assertEquals(11, report.warpInstructions());
    assertEquals(11 * 32, report.laneInstructions());
  }

  @Test
  void sectorsReadTwiceAreUniqueOnce() {
    TestGpu gpu = new TestGpu(PTX);
    LaunchReport report = gpu.launch("k", TestGpu.Shape.of(3, 32), 0, gpu.upload(new int[32]), 4);
    assertEquals(12, report.globalLoadSectors());
    assertEquals(128, report.globalLoadUniqueBytes());
  }

  @Test
  void countsLoadsAndStoresByWidth() {
    TestGpu gpu =
        new TestGpu(
            """
            .version 9.0
            .target sm_80
            .address_size 64
            .visible .entry k(.param .u64 p)
            {
              .reg .pred %p1; .reg .b16 %h<4>; .reg .b32 %r<8>; .reg .b64 %q<4>;
              .shared .align 16 .b8 s[512];
              ld.param.u64 %q1, [p];
              mov.u32 %r1, %tid.x;
              mul.wide.u32 %q2, %r1, 16;
              add.s64 %q2, %q1, %q2;
              setp.lt.u32 %p1, %r1, 5;
              ld.global.v4.u32 {%r2, %r3, %r4, %r5}, [%q2];
              @%p1 ld.v2.u32 {%r2, %r3}, [%q2];
              ld.global.nc.u8 %h1, [%q2+3];
              shl.b32 %r6, %r1, 4;
              mov.u32 %r7, s;
              add.s32 %r6, %r6, %r7;
              selp.u32 %r7, 16, 0, %p1;
              cp.async.cg.shared.global [%r6], [%q2], 16, %r7;
              cp.async.wait_all;
              st.global.v2.u64 [%q2], {%q2, %q2};
              @%p1 st.global.u16 [%q2+4], %h1;
              st.global.u16 [%q2+6], %h1;
              ret;
            }
            """);
    LaunchReport report = gpu.launch("k", TestGpu.Shape.of(1, 32), 0, gpu.upload(new int[128]));
    assertEquals(
        new AccessWidths(new long[] {1, 0, 0, 1, 2}, new long[] {32, 0, 0, 5, 32 + 5}),
        report.globalLoadWidths());
    assertEquals(
        new AccessWidths(new long[] {0, 2, 0, 0, 1}, new long[] {0, 37, 0, 0, 32}),
        report.globalStoreWidths());
    assertEquals(4, report.globalLoads());
    assertEquals(37, report.globalLoadWidths().lanes(16));
    assertEquals(2, report.globalLoadWidths().requests(16));
    assertThrows(IllegalArgumentException.class, () -> report.globalLoadWidths().lanes(32));
  }

  @Test
  void useAfterFreeNamesTheAllocation() {
    TestGpu gpu = new TestGpu(PTX);
    long gone = gpu.upload(new int[32]);
    gpu.memory.free(gone);
    SimFault fault =
        assertThrows(SimFault.class, () -> gpu.launch("k", TestGpu.Shape.of(1, 32), 0, gone, 4));
    assertEquals(SimFault.Kind.USE_AFTER_FREE, fault.kind());
    assertEquals(gone, fault.address());
    assertTrue(fault.getMessage().contains("freed ints + 0 of 128 bytes"), fault.getMessage());
  }

  @Test
  void uninitialisedGlobalMemoryNamesTheByte() {
    TestGpu gpu = new TestGpu(PTX);
    long raw = gpu.output(128);
    gpu.memory.fill(raw, 0, 4, 5);
    SimFault fault =
        assertThrows(SimFault.class, () -> gpu.launch("k", TestGpu.Shape.of(1, 32), 0, raw, 4));
    assertEquals(SimFault.Kind.UNINITIALISED, fault.kind());
    assertEquals(raw + 20, fault.address());
    assertEquals("5, 0, 0", fault.site().thread());
  }

  @Test
  void refusesLaunchesThatDoNotFit() {
    TestGpu gpu = new TestGpu(PTX);
    long data = gpu.upload(new int[32]);
    assertThrows(
        IllegalArgumentException.class,
        () -> gpu.launch("k", TestGpu.Shape.of(1, 1056), 0, data, 4));
    assertThrows(
        IllegalArgumentException.class,
        () -> gpu.launch("k", new TestGpu.Shape(1, 1, 32, 1, 1 << 18), 0, data, 4));
  }
}
