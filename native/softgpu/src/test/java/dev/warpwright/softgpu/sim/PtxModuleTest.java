package dev.warpwright.softgpu.sim;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class PtxModuleTest {
  private static String kernel(String target, String body) {
    return ".version 9.0\n.target "
        + target
        + "\n.address_size 64\n.visible .entry k(.param .u64 p)\n{\n"
        + ".reg .pred %p<4>; .reg .b16 %h<4>; .reg .b32 %r<8>; .reg .b64 %q<4>; .reg .f32 %f<4>;\n"
        + body
        + "\nret;\n}\n";
  }

  private static PtxException refused(String target, String body) {
    return assertThrows(PtxException.class, () -> new TestGpu(kernel(target, body)));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "add.q32 %r1, %r2, %r3; | q32",
        "add.b32 %r1, %r2, %r3; | .b32",
        "frob.u32 %r1, %r2; | unknown instruction frob",
        "add.wrap.s32 %r1, %r2, %r3; | wrap",
        "add.s32 %q1, %r2, %r3; | 32-bit register",
        "add.s32 %r1, %q2, %r3; | 64 bits",
        "add.s32 %r1, %r9, %r3; | %r9",
        "add.s32 %r1, %r2; | operands",
        "shl.s32 %r1, %r2, %r3; | .s32",
        "setp.lt.b32 %p1, %r2, %r3; | .lt of .b32",
        "fma.f32 %f1, %f2, %f3, %f1; | .rn",
        "shfl.bfly.b32 %r1, %r2, 1, 31, -1; | .sync",
        "mma.sync.aligned.m16n8k16.row.col.f32.s8.f16.f32 {%r1,%r1,%r1,%r1},"
            + " {%r1,%r1,%r1,%r1}, {%r1,%r1}, {%r1,%r1,%r1,%r1}; | combination",
        "wgmma.fence.sync.aligned; | unknown instruction wgmma",
        "mbarrier.arrive.expect_tx.shared.b64 %q1, [%r1], 1; | expect_tx",
        "brx.idx %r1, nowhere; | a list of labels",
        "l: .branchtargets nowhere; brx.idx %r1, l; | unknown label nowhere",
        "call (%r1), %q1, (%r2), nothing; | a prototype is expected",
        "proto: .callprototype _ (.param .b32 _); call %q1, proto; | number of arguments",
        "bra nowhere; | unknown label nowhere",
        "call.uni vprintf, (%q1, %q2); | vprintf",
        "call.uni nothing; | nothing, which is no function",
        ".reg .b128 %x; | .b128",
        "ld.global.v3.f32 {%f1, %f2, %f3}, [%q1]; | v3",
        "st.const.u32 [%q1], %r1; | read-only",
        "atom.global.mul.u32 %r1, [%q1], %r2; | .add",
      })
  void refusesWhatItDoesNotKnowByLine(String body, String names) {
    PtxException refusal = refused("sm_90", body);
    assertTrue(refusal.getMessage().contains(names), refusal.getMessage());
    assertEquals(7, refusal.line(), refusal.getMessage());
  }

  @Test
  void refusesWhatTheTargetLacks() {
    String convert = "cvt.rn.satfinite.e4m3x2.f32 %h1, %f1, %f2;";
    assertTrue(refused("sm_80", convert).getMessage().contains("sm_89"));
    assertNotNull(new TestGpu(kernel("sm_90", convert)).module.entry("k"));
    assertTrue(refused("sm_100", "").getMessage().contains("newer than sm_90"));
  }

  @Test
  void laysOutParametersAndVariables() {
    TestGpu gpu =
        new TestGpu(
            """
            .version 9.0
            .target sm_80
            .address_size 64
            .global .align 4 .u32 g[2] = {7, 8};
            .const .align 8 .b8 c[3] = {1, 2, 255};
            .extern .shared .align 16 .b8 dyn[];
            .visible .entry k(.param .u8 a, .param .u64 b, .param .align 4 .b8 c_[12])
            .maxntid 64, 2, 1
            {
              .shared .align 4 .b8 s[20];
              .local .align 8 .b8 l[24];
              ret;
            }
            """);
    Entry entry = gpu.module.entry("k");
    assertNotNull(entry);
    assertEquals(
        List.of(
            new Entry.Parameter("a", 0, 1),
            new Entry.Parameter("b", 8, 8),
            new Entry.Parameter("c_", 16, 12)),
        entry.parameters());
    assertEquals(28, entry.parameterBytes());
    assertEquals(20, entry.staticShared());
    assertEquals(32, entry.localBytes());
    assertEquals(128, entry.maxThreads());
    Allocation variable = gpu.module.global("g");
    assertNotNull(variable);
    assertArrayEquals(new int[] {7, 8}, gpu.ints(variable.address(), 2));
    assertNull(gpu.module.global("h"));
    gpu.module.unload();
    assertEquals(0, gpu.memory.used());
  }
}
