package dev.warpwright.softgpu.sim;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.warpwright.softgpu.sim.TestGpu.Shape;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** cp.async of every size: what is not read becomes zero. */
class AsyncCopyTest {
  private static final int THREADS = 32;

  /** Each thread copies its bytes to shared memory and back; %n is how many it reads. */
  private static TestGpu gpu(String copy, int size, String wait) {
    String load =
        size == 16
            ? "ld.shared.v4.u32 {%a, %b, %c, %d}, [%s]; st.global.v4.u32 [%out], {%a, %b, %c, %d};"
            : size == 8
                ? "ld.shared.v2.u32 {%a, %b}, [%s]; st.global.v2.u32 [%out], {%a, %b};"
                : "ld.shared.u32 %a, [%s]; st.global.u32 [%out], %a;";
    return new TestGpu(
        """
        .version 9.0
        .target sm_80
        .address_size 64
        .visible .entry k(.param .u64 pin, .param .u64 pout, .param .u64 psizes)
        {
          .reg .b32 %t, %s, %n, %a, %b, %c, %d;
          .reg .b64 %in, %out, %off;
          .shared .align 16 .b8 s[512];
          mov.u32 %t, %tid.x;
          mov.u32 %s, s;
          mad.lo.u32 %s, %t, SIZE, %s;
          mul.wide.u32 %off, %t, 4;
          ld.param.u64 %in, [psizes];
          add.u64 %in, %in, %off;
          ld.global.u32 %n, [%in];
          mul.wide.u32 %off, %t, SIZE;
          ld.param.u64 %in, [pin];
          add.u64 %in, %in, %off;
          ld.param.u64 %out, [pout];
          add.u64 %out, %out, %off;
          COPY
          cp.async.commit_group;
          WAIT
          LOAD
          ret;
        }
        """
            .replace("COPY", copy)
            .replace("WAIT", wait)
            .replace("LOAD", load)
            .replace("SIZE", String.valueOf(size)));
  }

  private static byte[] run(TestGpu gpu, int size, byte[] data, int[] sizes) {
    long out = gpu.upload(new byte[THREADS * size]);
    gpu.launch("k", Shape.of(1, THREADS), 0, gpu.upload(data), out, gpu.upload(sizes));
    byte[] got = new byte[THREADS * size];
    gpu.memory.copyOut(out, java.lang.foreign.MemorySegment.ofArray(got));
    return got;
  }

  private static byte[] data(int bytes) {
    byte[] data = new byte[bytes];
    for (int i = 0; i < bytes; i++) {
      data[i] = (byte) (i * 7 + 1 | 1);
    }
    return data;
  }

  @ParameterizedTest
  @CsvSource({"ca, 4", "ca, 8", "ca, 16", "cg, 16"})
  void fillsWithZeros(String cache, int size) {
    int[] sizes = new int[THREADS];
    for (int i = 0; i < THREADS; i++) {
      sizes[i] = i % (size + 1);
    }
    String copy = "cp.async." + cache + ".shared.global [%s], [%in], " + size + ", %n;";
    byte[] data = data(THREADS * size);
    byte[] got = run(gpu(copy, size, "cp.async.wait_group 0;"), size, data, sizes);
    for (int i = 0; i < got.length; i++) {
      int expected = i % size < sizes[i / size] ? data[i] : 0;
      assertEquals(expected, got[i], "thread " + i / size + " byte " + i % size);
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {4, 8, 16})
  void copiesWhole(int size) {
    String copy = "cp.async.ca.shared::cta.global.L2::128B [%s], [%in], " + size + ";";
    byte[] data = data(THREADS * size);
    byte[] got = run(gpu(copy, size, "cp.async.wait_all;"), size, data, new int[THREADS]);
    for (int i = 0; i < got.length; i++) {
      assertEquals(data[i], got[i]);
    }
  }

  /** Nothing is read for lanes that read nothing: their address may be anywhere. */
  @ParameterizedTest
  @ValueSource(ints = {4, 8, 16})
  void onlyWhatIsReadMustBeThere(int size) {
    String copy = "cp.async.ca.shared.global [%s], [%in], " + size + ", %n;";
    byte[] data = data((THREADS - 1) * size + 3);
    int[] sizes = new int[THREADS];
    sizes[THREADS - 1] = 3;
    byte[] got = run(gpu(copy, size, "cp.async.wait_all;"), size, data, sizes);
    assertEquals(data[data.length - 1], got[(THREADS - 1) * size + 2]);
    sizes[THREADS - 1] = 4;
    SimFault fault =
        assertThrows(
            SimFault.class, () -> run(gpu(copy, size, "cp.async.wait_all;"), size, data, sizes));
    assertEquals(SimFault.Kind.OUT_OF_BOUNDS, fault.kind());
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "cp.async.ca.shared.global [%s], [%in], 8; | cp.async.wait_group 1; | ASYNC_NOT_WAITED",
        "cp.async.ca.shared.global [%s], [%in+4], 8; | | MISALIGNED",
        "cp.async.ca.shared.global [%s+4], [%in], 8; | | MISALIGNED",
        "cp.async.ca.shared.global [%s], [%in+8], 8; | | OUT_OF_BOUNDS",
        "mov.b32 %n, 9; cp.async.ca.shared.global [%s], [%in], 8, %n; | | OUT_OF_BOUNDS",
      })
  void aWrongCopyIsFound(String copy, String wait, SimFault.Kind kind) {
    TestGpu gpu = gpu(copy, 8, wait == null ? "" : wait);
    byte[] data = data(THREADS * 8);
    assertEquals(
        kind, assertThrows(SimFault.class, () -> run(gpu, 8, data, new int[THREADS])).kind());
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "cp.async.cg.shared.global [%s], [%in], 8;",
        "cp.async.ca.shared.global [%s], [%in], 2;"
      })
  void sizesThatDoNotExistAreRefused(String copy) {
    assertTrue(
        assertThrows(PtxException.class, () -> gpu(copy, 8, ""))
            .getMessage()
            .contains("bytes with"));
  }
}
