package dev.warpwright.softgpu.sim;

import dev.warpwright.softgpu.sim.Formats.Format;
import dev.warpwright.softgpu.sim.Formats.Rounding;

/** cvt to and from pairs: f16x2, bf16x2, e4m3x2, e5m2x2. */
final class PackedConversions {
  private PackedConversions() {}

  static void decode(
      Form form, PtxType to, PtxType from, Rounding rounding, boolean finite, boolean relu) {
    Format target = format(form, to);
    boolean narrow = target == Formats.E4M3 || target == Formats.E5M2;
    if (narrow && !finite) {
      throw form.refuse(".satfinite is missing");
    }
    if (narrow || from == PtxType.E4M3X2 || from == PtxType.E5M2X2) {
      form.needArchitecture(89);
    }
    int d = form.target(0, to);
    int bits = to.bytes * 4;
    if (from == PtxType.F32) {
      form.needOperands(3, 3);
      int high = form.source(1, from);
      int low = form.source(2, from);
      form.instr.action =
          Lanes.int2(
              d,
              high,
              low,
              (x, y) ->
                  (code(Float.intBitsToFloat(x), target, rounding, finite, relu) << bits)
                      | code(Float.intBitsToFloat(y), target, rounding, finite, relu));
      return;
    }
    form.needOperands(2, 2);
    Format source = format(form, from);
    int a = form.source(1, from);
    int half = from.bytes * 4;
    int ones = (1 << half) - 1;
    form.instr.action =
        Lanes.int1(
            d,
            a,
            x -> {
              double high = Formats.value(x >>> half & ones, source);
              double low = Formats.value(x & ones, source);
              return (code(high, target, rounding, finite, relu) << bits)
                  | code(low, target, rounding, finite, relu);
            });
  }

  private static int code(
      double x, Format format, Rounding rounding, boolean finite, boolean relu) {
    return Formats.round(relu && x < 0 ? 0 : x, format, rounding, finite);
  }

  private static Format format(Form form, PtxType type) {
    return switch (type) {
      case F16X2 -> Formats.F16;
      case BF16X2 -> Formats.BF16;
      case E4M3X2 -> Formats.E4M3;
      case E5M2X2 -> Formats.E5M2;
      default -> throw form.refuse("a conversion of ." + type.text + " to or from a pair");
    };
  }
}
