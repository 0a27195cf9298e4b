package dev.warpwright.softgpu.sim;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotSame;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.warpwright.softgpu.sim.TestGpu.Shape;
import org.junit.jupiter.api.Test;

/** What is decoded once is shared, what a module changes is not. */
class DecodedModuleTest {
  private static final String NAME = "shared.ptx";

  /** Adds to a variable of the module. */
  private static final String PTX =
      """
      .version 9.0
      .target sm_80
      .address_size 64
      .global .align 4 .u32 counter = 7;
      .visible .entry add(.param .u32 p_by)
      {
        .reg .b32 %r<3>;
        .reg .b64 %rd<2>;
        ld.param.u32 %r1, [p_by];
        mov.u64 %rd1, counter;
        atom.global.add.u32 %r2, [%rd1], %r1;
        ret;
      }
      """;

  @Test
  void theSameTextIsDecodedOnce() {
    DecodedModule first = DecodedModule.of(NAME, PTX);
    assertSame(first, DecodedModule.of(NAME, new String(PTX)));
  }

  @Test
  void anotherTextTargetOrNameIsDecodedAnew() {
    DecodedModule first = DecodedModule.of(NAME, PTX);
    DecodedModule newer = DecodedModule.of(NAME, PTX.replace("sm_80", "sm_90"));
    assertNotSame(first, newer);
    assertEquals(90, newer.architecture());
    DecodedModule changed = DecodedModule.of(NAME, PTX.replace("= 7", "= 8"));
    assertArrayEquals(new byte[] {8, 0, 0, 0}, changed.variables().getFirst().initial());
    assertNotSame(first, DecodedModule.of("another.ptx", PTX));
    assertSame(first, DecodedModule.of(NAME, PTX));
  }

  @Test
  void modulesShareInstructionsAndNoVariables() {
    TestGpu one = new TestGpu(PTX);
    TestGpu two = new TestGpu(PTX);
    one.launch("add", Shape.of(1, 1), 0, 5);
    one.launch("add", Shape.of(1, 1), 0, 30);
    two.launch("add", Shape.of(1, 1), 0, 1);
    assertEquals(42, one.ints(one.variable("counter"), 1)[0]);
    assertEquals(8, two.ints(two.variable("counter"), 1)[0]);
    assertEquals(7, new TestGpu(PTX).ints(one.variable("counter"), 1)[0]);
    assertSame(code(one).instructions(), code(two).instructions());
  }

  @Test
  void twoModulesOfOneDeviceHaveVariablesOfTheirOwn() {
    TestGpu gpu = new TestGpu(PTX);
    PtxModule again = PtxModule.load("test.ptx", PTX, DeviceProfile.H100, gpu.memory);
    gpu.launch("add", Shape.of(1, 1), 0, 5);
    Allocation other = again.global("counter");
    assertEquals(7, gpu.ints(other == null ? 0 : other.address(), 1)[0]);
  }

  @Test
  void whatIsRememberedIsStillRefusedOnAnOlderDevice() {
    String newer = PTX.replace("sm_80", "sm_90");
    DeviceMemory memory = new DeviceMemory(1 << 20);
    PtxModule.load(NAME, newer, DeviceProfile.H100, memory).unload();
    assertThrows(PtxException.class, () -> PtxModule.load(NAME, newer, DeviceProfile.A100, memory));
    assertEquals(0, memory.used());
  }

  @Test
  void theTextUsedLongestAgoIsForgotten() {
    DecodedModule first = DecodedModule.of(NAME, PTX);
    DecodedModule second = DecodedModule.of("second.ptx", PTX);
    for (int i = 0; i < DecodedModule.MOST_KEPT - 1; i++) {
      DecodedModule.of("filler" + i + ".ptx", PTX);
      assertSame(first, DecodedModule.of(NAME, PTX));
    }
    assertNotSame(second, DecodedModule.of("second.ptx", PTX));
  }

  private static Code code(TestGpu gpu) {
    return gpu.module.entries().get("add").code();
  }
}
