package dev.warpwright.softgpu.sim;

import java.util.Random;

/** Runs one instruction on many operands: 64-bit inputs a, b and c to one 64-bit output. */
final class OpHarness {
  private static final int COUNT = 512;

  private static final long[] EDGES = {
    0,
    1,
    2,
    3,
    31,
    32,
    33,
    63,
    64,
    127,
    128,
    255,
    0x7fff,
    0x8000,
    0xffff,
    0x10000,
    0x7fffffffL,
    0x80000000L,
    0xffffffffL,
    0x100000000L,
    Long.MAX_VALUE,
    Long.MIN_VALUE,
    -1,
    0x3c00,
    0x0001,
    0x03ff,
    0x0400,
    0x7bff,
    0x7c00,
    0xfc00,
    0x7e00,
    0x3f80,
    0x7f80,
    0x7f7f
  };

  private static final float[] FLOATS = {
    0f,
    -0f,
    1f,
    -1f,
    0.5f,
    1.5f,
    2.5f,
    0.1f,
    448f,
    464f,
    65504f,
    65520f,
    1e-7f,
    6e-8f,
    1e-40f,
    Float.MIN_VALUE,
    -Float.MIN_VALUE,
    Float.MIN_NORMAL,
    Float.MAX_VALUE,
    -Float.MAX_VALUE,
    Float.POSITIVE_INFINITY,
    Float.NEGATIVE_INFINITY,
    Float.NaN,
    0x1p31f,
    -0x1.000002p31f,
    0x1p63f
  };

  private static final double[] DOUBLES = {
    0,
    -0.0,
    1,
    -1,
    0.1,
    2.5,
    1e300,
    1e-300,
    Double.MIN_VALUE,
    Double.MAX_VALUE,
    Double.MIN_NORMAL,
    Double.POSITIVE_INFINITY,
    Double.NEGATIVE_INFINITY,
    Double.NaN,
    0x1p63,
    0x1p64,
    1e-46,
    3.5e38
  };

  /** Kind of operand. */
  enum Kind {
    BITS,
    F32,
    F64
  }

  /** What an instruction is expected to compute. */
  @FunctionalInterface
  interface Reference {
    long of(long a, long b, long c);
  }

  final long[] a = new long[COUNT];
  final long[] b = new long[COUNT];
  final long[] c = new long[COUNT];

  OpHarness(Kind kind, long seed) {
    Random random = new Random(seed);
    for (int i = 0; i < COUNT; i++) {
      a[i] = operand(kind, random);
      b[i] = operand(kind, random);
      c[i] = operand(kind, random);
    }
  }

  private static long operand(Kind kind, Random random) {
    boolean edge = random.nextInt(3) == 0;
    return switch (kind) {
      case BITS -> edge ? EDGES[random.nextInt(EDGES.length)] : random.nextLong();
      case F32 -> {
        int any =
            random.nextBoolean()
                ? random.nextInt()
                : Float.floatToRawIntBits((float) random.nextGaussian() * 100);
        yield (edge ? Float.floatToRawIntBits(FLOATS[random.nextInt(FLOATS.length)]) : any)
            & 0xffffffffL;
      }
      case F64 -> {
        long any =
            random.nextBoolean()
                ? random.nextLong()
                : Double.doubleToRawLongBits(random.nextGaussian() * 100);
        yield edge ? Double.doubleToRawLongBits(DOUBLES[random.nextInt(DOUBLES.length)]) : any;
      }
    };
  }

  /**
   * Runs a piece of PTX on all operands. It finds them in %ra %rb %rc (lower 32 bits), %ha %hb %hc
   * (lower 16) and %qa %qb %qc, and leaves its result in %rd, %hd, %qd or %pd.
   *
   * @param result that register
   */
  long[] run(String body, String result) {
    String store =
        switch (result) {
          case "%qd" -> "";
          case "%rd" -> "cvt.u64.u32 %qd, %rd;";
          case "%hd" -> "cvt.u64.u16 %qd, %hd;";
          default -> "selp.b64 %qd, 1, 0, %pd;";
        };
    String ptx =
        """
        .version 9.0
        .target sm_90
        .address_size 64
        .visible .entry op(.param .u64 pa, .param .u64 pb, .param .u64 pc, .param .u64 pd)
        {
          .reg .pred %pd, %pe;
          .reg .b16 %ha, %hb, %hc, %hd, %he, %hf;
          .reg .b32 %ra, %rb, %rc, %rd, %re, %i, %n, %t;
          .reg .b64 %qa, %qb, %qc, %qd, %qe, %at, %off;
          mov.u32 %i, %ctaid.x;
          mov.u32 %n, %ntid.x;
          mov.u32 %t, %tid.x;
          mad.lo.s32 %i, %i, %n, %t;
          mul.wide.u32 %off, %i, 8;
          ld.param.u64 %at, [pa];
          add.s64 %at, %at, %off;
          ld.global.u64 %qa, [%at];
          ld.param.u64 %at, [pb];
          add.s64 %at, %at, %off;
          ld.global.u64 %qb, [%at];
          ld.param.u64 %at, [pc];
          add.s64 %at, %at, %off;
          ld.global.u64 %qc, [%at];
          cvt.u32.u64 %ra, %qa;
          cvt.u32.u64 %rb, %qb;
          cvt.u32.u64 %rc, %qc;
          cvt.u16.u64 %ha, %qa;
          cvt.u16.u64 %hb, %qb;
          cvt.u16.u64 %hc, %qc;
          BODY
          STORE
          ld.param.u64 %at, [pd];
          add.s64 %at, %at, %off;
          st.global.u64 [%at], %qd;
          ret;
        }
        """
            .replace("BODY", body)
            .replace("STORE", store);
    TestGpu gpu = new TestGpu(ptx);
    long out = gpu.output(8L * COUNT);
    gpu.launch(
        "op",
        TestGpu.Shape.of(COUNT / 64, 64),
        1,
        gpu.upload(a),
        gpu.upload(b),
        gpu.upload(c),
        out);
    return gpu.longs(out, COUNT);
  }
}
