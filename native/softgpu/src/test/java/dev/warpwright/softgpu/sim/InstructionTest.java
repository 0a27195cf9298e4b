package dev.warpwright.softgpu.sim;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.warpwright.softgpu.sim.InstructionCases.Case;
import dev.warpwright.softgpu.sim.OpHarness.Kind;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Each instruction on random and edge operands against Java's exact arithmetic, bit for bit. */
class InstructionTest {
  static List<Case> cases() {
    return Stream.of(new IntegerCases(), new FloatCases(), new ConversionCases())
        .flatMap(cases -> cases.cases().stream())
        .toList();
  }

  @ParameterizedTest
  @MethodSource("cases")
  void computesExactly(Case test) {
    OpHarness harness = new OpHarness(test.kind(), test.ptx().hashCode());
    long[] got = harness.run(test.ptx(), test.result());
    for (int i = 0; i < got.length; i++) {
      long a = harness.a[i];
      long b = harness.b[i];
      long c = harness.c[i];
      long expected = test.reference().of(a, b, c);
      int at = i;
      boolean nan =
          test.kind() == Kind.F64
              && test.result().equals("%qd")
              && Double.isNaN(Double.longBitsToDouble(expected))
              && Double.isNaN(Double.longBitsToDouble(got[at]));
      if (!nan) {
        assertEquals(
            Long.toHexString(expected),
            Long.toHexString(got[i]),
            () ->
                test.ptx()
                    + " of "
                    + Long.toHexString(a)
                    + ", "
                    + Long.toHexString(b)
                    + ", "
                    + Long.toHexString(c));
      }
    }
  }
}
