package dev.warpwright.softgpu.sim;

import java.util.List;
import java.util.Locale;

/**
 * mma.sync. Products are summed in double and rounded once with the accumulator: hardware rounds in
 * an order of its own, so results are compared with a tolerance; integer shapes are exact.
 */
final class MatrixInstructions {
  private static final int N = 8;

  private MatrixInstructions() {}

  /** The matrices of one instruction as numbers. */
  static final class Tiles {
    private static final int MOST_K = 64;

    final double[] rows = new double[16 * MOST_K];
    final double[] columns = new double[N * MOST_K];
    final double[] sums = new double[16 * N];
  }

  /** How elements lie in registers. */
  private enum Element {
    F16(16),
    BF16(16),
    TF32(32),
    E4M3(8),
    E5M2(8),
    S8(8),
    U8(8),
    S4(4),
    U4(4),
    F64(64);

    final int bits;

    Element(int bits) {
      this.bits = bits;
    }

    boolean isInteger() {
      return this == S8 || this == U8 || this == S4 || this == U4;
    }

    double value(int raw) {
      return switch (this) {
        case F16 -> Formats.half(raw);
        case BF16 -> Formats.brain(raw);
        // The lower 13 bits are not looked at.
        case TF32 -> Float.intBitsToFloat(raw & 0xffffe000);
        case E4M3 -> Formats.value(raw, Formats.E4M3);
        case E5M2 -> Formats.value(raw, Formats.E5M2);
        case S8 -> (byte) raw;
        case S4 -> (raw << 28) >> 28;
        default -> raw;
      };
    }
  }

  static void decode(Form form) {
    if (!form.take("sync") || !form.take("aligned")) {
      throw form.refuse(".sync.aligned is missing");
    }
    String shape = form.takeOne("m16n8k4", "m16n8k8", "m16n8k16", "m16n8k32", "m16n8k64", "m8n8k4");
    if (!form.take("row") || !form.take("col")) {
      throw form.refuse(".row.col is missing");
    }
    boolean saturate = form.take("satfinite");
    String result = form.word();
    Element left = element(form);
    Element right = element(form);
    if (!form.word().equals(result)) {
      throw form.refuse("different types of result and accumulator");
    }
    form.needOperands(4, 4);
    int k = Integer.parseInt(shape.substring(shape.indexOf('k') + 1));
    form.instr.kind = Instr.Kind.WARP_SYNC;
    form.instr.group = Instr.Group.TENSOR;
    form.instr.memberMask = form.code.constant(-1);
    if (left == Element.F64) {
      if (!shape.equals("m8n8k4") || !result.equals("f64") || right != left) {
        throw form.refuse("unknown shape or types");
      }
      doubles(form);
      return;
    }
    check(form, shape, k, result, left, right, saturate);
    narrow(form, k, result, left, right, saturate);
  }

  private static Element element(Form form) {
    String word = form.word();
    for (Element element : Element.values()) {
      if (element.name().toLowerCase(Locale.ROOT).equals(word)) {
        return element;
      }
    }
    throw form.refuse("unknown element type ." + word);
  }

  private static void check(
      Form form,
      String shape,
      int k,
      String result,
      Element left,
      Element right,
      boolean saturate) {
    boolean integer = left.isInteger();
    boolean tiny = left == Element.E4M3 || left == Element.E5M2;
    boolean sameKind =
        left == right
            || (integer && right.isInteger() && right.bits == left.bits)
            || (tiny && (right == Element.E4M3 || right == Element.E5M2));
    boolean fits =
        result.equals(integer ? "s32" : "f32") || (result.equals("f16") && left == Element.F16);
    // A row of k elements takes one or two registers of each lane.
    int registers = k * left.bits / 128;
    if (shape.startsWith("m8")
        || !sameKind
        || !fits
        || (saturate && !integer)
        || registers < 1
        || registers > 2) {
      throw form.refuse("unknown combination of shape and types");
    }
    if (tiny) {
      form.needArchitecture(89);
    }
  }

  private static int[] registers(Form form, int index, int count) {
    List<Operand> parts = form.parts(index);
    if (parts.size() != count) {
      throw form.refuse(parts.size() + " registers in operand " + (index + 1) + ", not " + count);
    }
    int[] slots = new int[count];
    for (int i = 0; i < count; i++) {
      slots[i] =
          index == 0 ? form.target(parts.get(i), 32) : form.source(parts.get(i), PtxType.B32);
    }
    return slots;
  }

  private static void narrow(
      Form form, int k, String result, Element left, Element right, boolean saturate) {
    int halves = k * left.bits / 128;
    boolean packed = result.equals("f16");
    int[] d = registers(form, 0, packed ? 2 : 4);
    int[] a = registers(form, 1, 2 * halves);
    int[] b = registers(form, 2, halves);
    int[] c = registers(form, 3, packed ? 2 : 4);
    int each = 32 / left.bits;
    form.instr.action =
        (w, mask) -> {
          double[] rows = w.block.run.tiles.rows;
          double[] columns = w.block.run.tiles.columns;
          double[] sums = w.block.run.tiles.sums;
          for (int i = 0; i < a.length; i++) {
            int at = (i & 1) * 8 * k + (i >> 1) * 4 * each;
            for (int lane = 0; lane < Warp.LANES; lane++) {
              int to = at + (lane >> 2) * k + (lane & 3) * each;
              spread(w.r[a[i] + lane], left, rows, 1, to);
            }
          }
          for (int i = 0; i < b.length; i++) {
            for (int lane = 0; lane < Warp.LANES; lane++) {
              int to = ((lane & 3) * each + i * 4 * each) * N + (lane >> 2);
              spread(w.r[b[i] + lane], right, columns, N, to);
            }
          }
          multiply(rows, columns, sums, k);
          switch (result) {
            case "f16" -> addHalves(w.r, c, d, sums);
            case "s32" -> addIntegers(w.r, c, d, sums, saturate);
            default -> addFloats(w.r, c, d, sums);
          }
        };
  }

  /**
   * Where the element of a lane's register i is in the result: two neighbours, eight rows apart.
   */
  private static int place(int lane, int i) {
    return ((lane >> 2) + (i >> 1) * 8) * N + (lane & 3) * 2 + (i & 1);
  }

  private static void addFloats(int[] r, int[] c, int[] d, double[] sums) {
    for (int i = 0; i < d.length; i++) {
      for (int lane = 0; lane < Warp.LANES; lane++) {
        float old = Float.intBitsToFloat(r[c[i] + lane]);
        r[d[i] + lane] = FloatInstructions.bits((float) (old + sums[place(lane, i)]));
      }
    }
  }

  private static void addIntegers(int[] r, int[] c, int[] d, double[] sums, boolean saturate) {
    for (int i = 0; i < d.length; i++) {
      for (int lane = 0; lane < Warp.LANES; lane++) {
        r[d[i] + lane] = integer(r[c[i] + lane], (long) sums[place(lane, i)], saturate);
      }
    }
  }

  private static void addHalves(int[] r, int[] c, int[] d, double[] sums) {
    for (int i = 0; i < d.length; i++) {
      for (int lane = 0; lane < Warp.LANES; lane++) {
        int at = place(lane, 2 * i);
        int old = r[c[i] + lane];
        r[d[i] + lane] = half(old, sums[at]) | (half(old >>> 16, sums[at + 1]) << 16);
      }
    }
  }

  private static int half(int old, double sum) {
    return HalfArithmetic.code(Formats.half(old & 0xffff) + sum, false);
  }

  private static int integer(int old, long sum, boolean saturate) {
    long exact = old + sum;
    return saturate ? Math.clamp(exact, Integer.MIN_VALUE, Integer.MAX_VALUE) : (int) exact;
  }

  private static void spread(int register, Element element, double[] to, int step, int at) {
    if (element == Element.F16) {
      to[at] = Float.float16ToFloat((short) register);
      to[at + step] = Float.float16ToFloat((short) (register >> 16));
      return;
    }
    int bits = element.bits;
    int ones = bits == 32 ? -1 : (1 << bits) - 1;
    for (int j = 0; j < 32 / bits; j++) {
      to[at + j * step] = element.value(register >>> (bits * j) & ones);
    }
  }

  /** Row by row with the sums of a row side by side: they do not wait for each other. */
  private static void multiply(double[] rows, double[] columns, double[] sums, int k) {
    for (int i = 0; i < 16; i++) {
      double s0 = 0;
      double s1 = 0;
      double s2 = 0;
      double s3 = 0;
      double s4 = 0;
      double s5 = 0;
      double s6 = 0;
      double s7 = 0;
      for (int x = 0; x < k; x++) {
        double left = rows[i * k + x];
        int at = x * N;
        s0 += left * columns[at];
        s1 += left * columns[at + 1];
        s2 += left * columns[at + 2];
        s3 += left * columns[at + 3];
        s4 += left * columns[at + 4];
        s5 += left * columns[at + 5];
        s6 += left * columns[at + 6];
        s7 += left * columns[at + 7];
      }
      int to = i * N;
      sums[to] = s0;
      sums[to + 1] = s1;
      sums[to + 2] = s2;
      sums[to + 3] = s3;
      sums[to + 4] = s4;
      sums[to + 5] = s5;
      sums[to + 6] = s6;
      sums[to + 7] = s7;
    }
  }

  /** m8n8k4 on f64: one element of each matrix a lane, fused in order of k. */
  private static void doubles(Form form) {
    int a = form.source(form.parts(1).getFirst(), PtxType.F64);
    int b = form.source(form.parts(2).getFirst(), PtxType.F64);
    int[] d = new int[2];
    int[] c = new int[2];
    for (int i = 0; i < 2; i++) {
      d[i] = form.target(form.parts(0).get(i), 64);
      c[i] = form.source(form.parts(3).get(i), PtxType.F64);
    }
    form.instr.action =
        (w, mask) -> {
          double[] results = w.block.run.tiles.sums;
          for (int lane = 0; lane < Warp.LANES; lane++) {
            for (int i = 0; i < 2; i++) {
              double sum = Double.longBitsToDouble(w.q[c[i] + lane]);
              for (int k = 0; k < 4; k++) {
                double x = Double.longBitsToDouble(w.q[a + (lane & ~3) + k]);
                double y = Double.longBitsToDouble(w.q[b + ((lane & 3) * 2 + i) * 4 + k]);
                sum = Math.fma(x, y, sum);
              }
              results[2 * lane + i] = sum;
            }
          }
          for (int lane = 0; lane < Warp.LANES; lane++) {
            w.q[d[0] + lane] = Double.doubleToRawLongBits(results[2 * lane]);
            w.q[d[1] + lane] = Double.doubleToRawLongBits(results[2 * lane + 1]);
          }
        };
  }
}
