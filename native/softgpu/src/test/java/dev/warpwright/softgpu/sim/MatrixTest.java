package dev.warpwright.softgpu.sim;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.warpwright.softgpu.sim.TestGpu.Shape;
import java.util.Random;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Every shape of mma.sync: fragments as the figures of the PTX ISA have them, sums in double. */
class MatrixTest {
  private static final int M = 16;
  private static final int N = 8;
  private static final int LANES = 32;

  /** Unit in the last place of f32 and of f16, relative. */
  private static final double FLOAT_ULP = 0x1p-23;

  private static final double HALF_ULP = 0x1p-10;

  private static double value(String type, int code) {
    return switch (type) {
      case "f16" -> Float.float16ToFloat((short) code);
      case "bf16" -> Float.intBitsToFloat(code << 16);
      case "tf32" -> Float.intBitsToFloat(code & 0xffffe000);
      case "e5m2" -> Float.float16ToFloat((short) (code << 8));
      case "e4m3" -> e4m3(code);
      case "s8" -> (byte) code;
      case "u8" -> code & 0xff;
      case "s4" -> code >= 8 ? code - 16 : code;
      case "u4" -> code;
      default -> throw new IllegalArgumentException(type);
    };
  }

  private static double e4m3(int code) {
    int exponent = code >> 3 & 15;
    double size =
        exponent == 0
            ? Math.scalb((double) (code & 7), -9)
            : Math.scalb(8.0 + (code & 7), exponent - 10);
    return (code & 0x80) != 0 ? -size : size;
  }

  private static int bits(String type) {
    return switch (type) {
      case "f16", "bf16" -> 16;
      case "tf32" -> 32;
      case "s4", "u4" -> 4;
      default -> 8;
    };
  }

  /** Some number that is neither infinite nor NaN. */
  private static int code(String type, Random random) {
    float any = (float) random.nextGaussian();
    return switch (type) {
      case "f16" -> Float.floatToFloat16(any) & 0xffff;
      case "bf16" -> Float.floatToRawIntBits(any) >>> 16;
      case "tf32" -> Float.floatToRawIntBits(any);
      case "e4m3" -> random.nextInt(127) | random.nextInt(2) << 7;
      case "e5m2" -> random.nextInt(124) | random.nextInt(2) << 7;
      default -> random.nextInt(1 << bits(type));
    };
  }

  /** Row and column of element i of a lane's fragment of A, as the figure of the shape says. */
  private static int[] placeOfA(int lane, int i, int k, int bits) {
    int group = lane >> 2;
    int inGroup = lane & 3;
    return switch (k * bits) {
      // m16n8k8 of 16 bits, m16n8k16 of 8, m16n8k32 of 4, m16n8k4 of 32: half a fragment.
      case 128 -> {
        int each = 32 / bits;
        yield new int[] {i < each ? group : group + 8, inGroup * each + i % each};
      }
      // m16n8k16 of 16 bits, m16n8k32 of 8, m16n8k64 of 4, m16n8k8 of 32.
      case 256 ->
          switch (bits) {
            case 32 -> new int[] {(i & 1) == 0 ? group : group + 8, i < 2 ? inGroup : inGroup + 4};
            case 16 ->
                new int[] {
                  i < 2 || (i >= 4 && i < 6) ? group : group + 8,
                  inGroup * 2 + (i & 1) + (i >= 4 ? 8 : 0)
                };
            case 8 ->
                new int[] {
                  i < 4 || (i >= 8 && i < 12) ? group : group + 8,
                  inGroup * 4 + (i & 3) + (i >= 8 ? 16 : 0)
                };
            default ->
                new int[] {
                  i < 8 || (i >= 16 && i < 24) ? group : group + 8,
                  inGroup * 8 + (i & 7) + (i >= 16 ? 32 : 0)
                };
          };
      default -> throw new IllegalArgumentException();
    };
  }

  /** Row and column of element i of a lane's fragment of B. */
  private static int[] placeOfB(int lane, int i, int bits) {
    int each = 32 / bits;
    return new int[] {(lane & 3) * each + i % each + i / each * 4 * each, lane >> 2};
  }

  private static String names(String prefix, int count) {
    StringBuilder names = new StringBuilder("{");
    for (int i = 0; i < count; i++) {
      names.append(i == 0 ? "" : ", ").append(prefix).append(i);
    }
    return names.append("}").toString();
  }

  /** A kernel of one warp: registers of a lane lie side by side in a, b, c and d. */
  private static String kernel(String instruction, int a, int b, int c, String type) {
    StringBuilder body = new StringBuilder();
    int bytes = type.equals("b64") ? 8 : 4;
    String[] sides = {"a", "b", "c"};
    int[] counts = {a, b, c};
    for (int side = 0; side < 3; side++) {
      body.append("ld.param.u64 %at, [p").append(sides[side]).append("];\n");
      body.append("mad.lo.u64 %at, %lane, ").append(counts[side] * bytes).append(", %at;\n");
      for (int i = 0; i < counts[side]; i++) {
        body.append("ld.global.").append(type).append(" %").append(sides[side]).append(i);
        body.append(", [%at+").append(i * bytes).append("];\n");
      }
    }
    body.append(instruction).append(' ').append(names("%d", c)).append(", ");
    body.append(names("%a", a)).append(", ").append(names("%b", b)).append(", ");
    body.append(names("%c", c)).append(";\n");
    body.append("ld.param.u64 %at, [pd];\n");
    body.append("mad.lo.u64 %at, %lane, ").append(c * bytes).append(", %at;\n");
    for (int i = 0; i < c; i++) {
      body.append("st.global.").append(type).append(" [%at+").append(i * bytes).append("], %d");
      body.append(i).append(";\n");
    }
    return """
    .version 9.0
    .target sm_90
    .address_size 64
    .visible .entry k(.param .u64 pa, .param .u64 pb, .param .u64 pc, .param .u64 pd)
    {
      .reg .TYPE %a<4>, %b<4>, %c<4>, %d<4>;
      .reg .b32 %tid;
      .reg .b64 %lane, %at;
      mov.u32 %tid, %tid.x;
      cvt.u64.u32 %lane, %tid;
      BODY
      ret;
    }
    """
        .replace("TYPE", type)
        .replace("BODY", body);
  }

  @ParameterizedTest
  @CsvSource({
    "16, f32, f16, f16",
    "8, f32, f16, f16",
    "16, f16, f16, f16",
    "8, f16, f16, f16",
    "16, f32, bf16, bf16",
    "8, f32, bf16, bf16",
    "8, f32, tf32, tf32",
    "4, f32, tf32, tf32",
    "32, f32, e4m3, e4m3",
    "32, f32, e4m3, e5m2",
    "32, f32, e5m2, e4m3",
    "32, f32, e5m2, e5m2",
    "16, s32, s8, s8",
    "16, s32, u8, s8",
    "32, s32, s8, s8",
    "32, s32, s8, u8",
    "32, s32, u8, s8",
    "32, s32, u8, u8",
    "32, s32, s4, s4",
    "32, s32, u4, s4",
    "64, s32, s4, s4",
    "64, s32, s4, u4",
    "64, s32, u4, u4",
  })
  void multiplies(int k, String result, String left, String right) {
    multiply(k, result, left, right, "");
  }

  @ParameterizedTest
  @CsvSource({"16, s8", "32, u8", "32, s4", "64, u4"})
  void saturates(int k, String type) {
    multiply(k, "s32", type, type, ".satfinite");
  }

  private static void multiply(int k, String result, String left, String right, String saturate) {
    Random random = new Random(k);
    int bits = bits(left);
    int each = 32 / bits;
    int countA = k * bits / 64;
    int countB = k * bits / 128;
    boolean packed = result.equals("f16");
    int[][] a = new int[M][k];
    int[][] b = new int[k][N];
    int[] fragmentsA = new int[LANES * countA];
    int[] fragmentsB = new int[LANES * countB];
    for (int lane = 0; lane < LANES; lane++) {
      for (int i = 0; i < countA * each; i++) {
        int[] place = placeOfA(lane, i, k, bits);
        int code = code(left, random);
        a[place[0]][place[1]] = code;
        fragmentsA[lane * countA + i / each] |= code << (i % each * bits);
      }
      for (int i = 0; i < countB * each; i++) {
        int[] place = placeOfB(lane, i, bits);
        int code = code(right, random);
        b[place[0]][place[1]] = code;
        fragmentsB[lane * countB + i / each] |= code << (i % each * bits);
      }
    }
    int countC = packed ? 2 : 4;
    int[] c = new int[LANES * countC];
    for (int i = 0; i < c.length; i++) {
      c[i] =
          switch (result) {
            case "f16" -> code("f16", random) | code("f16", random) << 16;
            case "f32" -> Float.floatToRawIntBits((float) random.nextGaussian());
            // Near the ends, so that saturation shows.
            default -> (i & 1) == 0 ? Integer.MAX_VALUE - random.nextInt(99) : random.nextInt();
          };
    }
    String instruction =
        String.join(
            ".",
            "mma.sync.aligned.m16n8k" + k + ".row.col" + saturate,
            result,
            left,
            right,
            result);
    TestGpu gpu = new TestGpu(kernel(instruction, countA, countB, countC, "b32"));
    long out = gpu.output(4L * c.length);
    gpu.launch(
        "k",
        Shape.of(1, LANES),
        0,
        gpu.upload(fragmentsA),
        gpu.upload(fragmentsB),
        gpu.upload(c),
        out);
    int[] d = gpu.ints(out, c.length);
    for (int lane = 0; lane < LANES; lane++) {
      for (int i = 0; i < 4; i++) {
        int row = (lane >> 2) + (i < 2 ? 0 : 8);
        int column = (lane & 3) * 2 + (i & 1);
        double sum = 0;
        double size = 0;
        for (int x = 0; x < k; x++) {
          double product = value(left, a[row][x]) * value(right, b[x][column]);
          sum += product;
          size += Math.abs(product);
        }
        int at = packed ? lane * 2 + i / 2 : lane * 4 + i;
        int shift = packed ? i % 2 * 16 : 0;
        compare(result, c[at] >>> shift, d[at] >>> shift, sum, size, !saturate.isEmpty());
      }
    }
  }

  private static void compare(
      String result, int old, int got, double sum, double size, boolean saturate) {
    switch (result) {
      case "f16" -> {
        double expected = sum + value("f16", old);
        assertEquals(expected, value("f16", got), HALF_ULP * (size + 1));
      }
      case "f32" -> {
        double expected = sum + Float.intBitsToFloat(old);
        assertEquals(expected, Float.intBitsToFloat(got), FLOAT_ULP * (size + 1));
      }
      default -> {
        long exact = old + (long) sum;
        int clamped = Math.clamp(exact, Integer.MIN_VALUE, Integer.MAX_VALUE);
        assertEquals(saturate ? clamped : (int) exact, got);
      }
    }
  }

  @ParameterizedTest
  @CsvSource({"1", "2", "3"})
  void multipliesDoubles(int seed) {
    Random random = new Random(seed);
    long[] a = random.longs(LANES, 0, 1000).map(MatrixTest::raw).toArray();
    long[] b = random.longs(LANES, -500, 1000).map(MatrixTest::raw).toArray();
    long[] c = random.longs(2 * LANES, -500, 1000).map(MatrixTest::raw).toArray();
    TestGpu gpu =
        new TestGpu(kernel("mma.sync.aligned.m8n8k4.row.col.f64.f64.f64.f64", 1, 1, 2, "b64"));
    long out = gpu.output(8L * c.length);
    gpu.launch("k", Shape.of(1, LANES), 0, gpu.upload(a), gpu.upload(b), gpu.upload(c), out);
    long[] d = gpu.longs(out, c.length);
    for (int row = 0; row < 8; row++) {
      for (int column = 0; column < 8; column++) {
        // C and D: two neighbours a lane. A: by rows, B: by columns, one element a lane.
        int at = (row * 4 + column / 2) * 2 + column % 2;
        double expected = Double.longBitsToDouble(c[at]);
        for (int x = 0; x < 4; x++) {
          expected +=
              Double.longBitsToDouble(a[row * 4 + x]) * Double.longBitsToDouble(b[column * 4 + x]);
        }
        assertEquals(expected, Double.longBitsToDouble(d[at]));
      }
    }
  }

  /** Whole numbers: their sums are exact in any order. */
  private static long raw(long number) {
    return Double.doubleToRawLongBits((double) number);
  }
}
