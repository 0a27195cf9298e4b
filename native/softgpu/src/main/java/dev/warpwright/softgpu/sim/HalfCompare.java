package dev.warpwright.softgpu.sim;

/** set on pairs of halves: 1.0 or 0 in each half, or all ones for integer targets. */
final class HalfCompare {
  private HalfCompare() {}

  static boolean isPair(PtxType type) {
    return type == PtxType.F16X2 || type == PtxType.BF16X2;
  }

  static void setPair(Form form, String name, PtxType to, PtxType from, boolean flush) {
    form.instr.group = Instr.Group.FLOAT;
    if (flush) {
      throw form.refuse(".ftz of set." + from.text + " is not simulated");
    }
    boolean brain = from == PtxType.BF16X2;
    int yes =
        switch (to) {
          case F16X2 -> 0x3c00;
          case BF16X2 -> 0x3f80;
          case U32, S32 -> 0xffff;
          default -> throw form.refuse("type ." + to.text + " is not for set");
        };
    CompareInstructions.FloatTest test = CompareInstructions.floats(name, form);
    form.instr.action =
        Lanes.int2(
            form.target(0, PtxType.B32),
            form.source(1, PtxType.B32),
            form.source(2, PtxType.B32),
            (x, y) ->
                (test(test, x, y, brain) ? yes : 0)
                    | (test(test, x >>> 16, y >>> 16, brain) ? yes << 16 : 0));
  }

  private static boolean test(CompareInstructions.FloatTest test, int x, int y, boolean brain) {
    return test.test(
        HalfArithmetic.value(x & 0xffff, brain), HalfArithmetic.value(y & 0xffff, brain));
  }
}
