package dev.warpwright.softgpu.sim;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.warpwright.softgpu.sim.TestGpu.Shape;
import java.lang.foreign.MemorySegment;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** ldmatrix and stmatrix move 8x8 matrices between rows in shared memory and fragments. */
class MatrixLoadsTest {
  private static final int LANES = 32;

  private static final String MATRIX_MOVES =
      """
      .version 9.0
      .target sm_90
      .address_size 64
      .visible .entry k(.param .u64 pin, .param .u64 pout)
      {
        .reg .b32 %r<8>, %s, %tid;
        .reg .b64 %q<4>;
        .shared .align 16 .b8 s[1536];
        mov.u32 %tid, %tid.x;
        mov.u32 %s, s;
        mad.lo.u32 %s, %tid, 48, %s;
        ld.param.u64 %q1, [pin];
        ld.param.u64 %q2, [pout];
        mul.wide.u32 %q3, %tid, 16;
        add.u64 %q1, %q1, %q3;
        add.u64 %q2, %q2, %q3;
        ld.global.v4.b32 {%r0, %r1, %r2, %r3}, [%q1];
        BODY
        st.global.v4.b32 [%q2], {%r4, %r5, %r6, %r7};
        ret;
      }
      """;

  private static short[] move(String body, short[] elements) {
    TestGpu gpu = new TestGpu(MATRIX_MOVES.replace("BODY", body));
    long out = gpu.output(2L * elements.length);
    gpu.launch("k", Shape.of(1, LANES), 0, gpu.upload(elements), out);
    short[] got = new short[elements.length];
    gpu.memory.copyOut(out, MemorySegment.ofArray(got));
    return got;
  }

  private static short[] numbers() {
    short[] numbers = new short[LANES * 8];
    for (int i = 0; i < numbers.length; i++) {
      numbers[i] = (short) (i * 257 + 3);
    }
    return numbers;
  }

  /** Index of the half that lane, register and half of a fragment stand for: row and column. */
  private static int element(int lane, int matrix, int half, boolean transposed) {
    int across = lane / 4;
    int along = lane % 4 * 2 + half;
    return (matrix * 8 + (transposed ? along : across)) * 8 + (transposed ? across : along);
  }

  @ParameterizedTest
  @CsvSource({"1, false", "2, false", "4, false", "1, true", "2, true", "4, true"})
  void loadsMatrices(int count, boolean transposed) {
    short[] rows = numbers();
    String body =
        "mov.b32 %r4, 0; mov.b32 %r5, 0; mov.b32 %r6, 0; mov.b32 %r7, 0;"
            + "st.shared.v4.b32 [%s], {%r0, %r1, %r2, %r3}; bar.warp.sync -1;"
            + "ldmatrix.sync.aligned.m8n8.x"
            + count
            + (transposed ? ".trans" : "")
            + ".shared.b16 "
            + registers(4, count)
            + ", [%s];";
    short[] got = move(body, rows);
    for (int lane = 0; lane < LANES; lane++) {
      for (int i = 0; i < 8; i++) {
        short expected = i / 2 < count ? rows[element(lane, i / 2, i % 2, transposed)] : (short) 0;
        assertEquals(expected, got[lane * 8 + i], "lane " + lane + " half " + i);
      }
    }
  }

  @ParameterizedTest
  @CsvSource({"1, false", "2, false", "4, false", "1, true", "2, true", "4, true"})
  void storesMatrices(int count, boolean transposed) {
    short[] fragments = numbers();
    String body =
        "mov.b32 %r4, 0; st.shared.v4.b32 [%s], {%r4, %r4, %r4, %r4}; bar.warp.sync -1;"
            + "stmatrix.sync.aligned.m8n8.x"
            + count
            + (transposed ? ".trans" : "")
            + ".shared.b16 [%s], "
            + registers(0, count)
            + "; bar.warp.sync -1;"
            + "ld.shared.v4.b32 {%r4, %r5, %r6, %r7}, [%s];";
    short[] rows = move(body, fragments);
    short[] expected = new short[rows.length];
    for (int lane = 0; lane < LANES; lane++) {
      for (int i = 0; i < 2 * count; i++) {
        expected[element(lane, i / 2, i % 2, transposed)] = fragments[lane * 8 + i];
      }
    }
    for (int i = 0; i < rows.length; i++) {
      assertEquals(expected[i], rows[i], "row " + i / 8 + " column " + i % 8);
    }
  }

  private static String registers(int first, int count) {
    StringBuilder names = new StringBuilder("{");
    for (int i = 0; i < count; i++) {
      names.append(i == 0 ? "%r" : ", %r").append(first + i);
    }
    return names.append("}").toString();
  }
}
