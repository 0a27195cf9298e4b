package dev.warpwright.softgpu.sim;

import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.warpwright.softgpu.sim.TestGpu.Shape;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What is remembered of device memory costs at most 8 bytes per byte, however it is used. */
class ShadowFootprintTest {
  private static final int MOST = 8;
  private static final int THREADS = 256;

  /** A device gives out memory in pieces of this size. */
  private static final long UNIT = 256;

  /** Every byte is read and written by accesses of every width, by threads of several blocks. */
  private static final String EVERY_WIDTH =
      """
      .version 9.0
      .target sm_80
      .address_size 64
      .visible .entry k(.param .u64 p, .param .u32 n)
      {
        .reg .pred %p1;
        .reg .b16 %h1;
        .reg .b32 %r<8>;
        .reg .b64 %q<4>;
        ld.param.u64 %q1, [p];
        ld.param.u32 %r5, [n];
        mov.u32 %r1, %ctaid.x;
        mov.u32 %r2, %ntid.x;
        mov.u32 %r3, %tid.x;
        mad.lo.u32 %r4, %r1, %r2, %r3;
        mul.lo.u32 %r4, %r4, 16;
        setp.ge.u32 %p1, %r4, %r5;
        @%p1 ret;
        cvt.u64.u32 %q2, %r4;
        add.u64 %q1, %q1, %q2;
        ld.global.v4.u32 {%r1, %r2, %r3, %r4}, [%q1];
        st.global.v4.u32 [%q1], {%r1, %r2, %r3, %r4};
        ld.global.u64 %q2, [%q1+8];
        st.global.u64 [%q1+8], %q2;
        ld.global.u8 %h1, [%q1+3];
        st.global.u8 [%q1+5], %h1;
        ld.global.u16 %h1, [%q1+14];
        st.global.u16 [%q1+6], %h1;
        atom.global.add.u32 %r1, [%q1+12], 1;
        ld.global.u8 %h1, [%q1+15];
        ret;
      }
      """;

  @ParameterizedTest
  @ValueSource(ints = {16, 256, 4096, 4112, 65536, 1 << 20})
  void atMostEightBytesPerByte(int bytes) {
    TestGpu gpu = new TestGpu(EVERY_WIDTH);
    long address = gpu.upload(new byte[bytes]);
    int blocks = (bytes / 16 + THREADS - 1) / THREADS;
    for (int launch = 0; launch < 3; launch++) {
      gpu.launch("k", Shape.of(blocks, THREADS), launch, address, bytes);
    }
    Allocation used = gpu.memory.find(address);
    long footprint = used == null ? Long.MAX_VALUE : used.footprint();
    long inUse = (bytes + UNIT - 1) / UNIT * UNIT;
    assertTrue(footprint > bytes / 8, "nothing is remembered");
    assertTrue(footprint <= MOST * inUse, footprint + " bytes for " + bytes);
  }
}
