package dev.warpwright.softgpu.sim;

import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assertions.fail;

import dev.warpwright.softgpu.sim.Mutants.Mutant;
import java.util.List;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Every mutant is reported within 100 schedules, with the right kind and a source line. */
class MutantTest {
  private static final int SEEDS = 100;
  private static final String PTX = TestGpu.keptKernels(80);

  static List<Mutant> mutants() {
    return Mutants.all();
  }

  @Test
  void thereAreEnough() {
    assertTrue(mutants().size() >= 100);
  }

  @ParameterizedTest
  @MethodSource("mutants")
  void isReported(Mutant mutant) {
    TestGpu gpu = new TestGpu(apply(mutant));
    for (int seed = 0; seed < SEEDS; seed++) {
      try {
        mutant.scenario().run(gpu, seed);
      } catch (AssertionError e) {
        // A wrong result that was not reported: another schedule has to show why.
      } catch (SimFault fault) {
        assertTrue(mutant.kinds().contains(fault.kind()), fault.getMessage());
        assertTrue(fault.site().source().contains("kernels.cu:"), fault.getMessage());
        assertTrue(fault.site().ptxLine() > 0);
        return;
      }
    }
    fail("survived " + SEEDS + " schedules");
  }

  static String apply(Mutant mutant) {
    String name = mutant.scenario().name().toLowerCase(Locale.ROOT);
    int start = PTX.indexOf(".entry " + name + "(");
    Pattern pattern = Pattern.compile(Pattern.quote(mutant.text()).replace(" ", "\\E\\s+\\Q"));
    Matcher matcher = pattern.matcher(PTX);
    int from = start;
    for (int i = 0; i <= mutant.occurrence(); i++) {
      assertTrue(matcher.find(from), "not in the text");
      from = matcher.end();
    }
    int end = PTX.indexOf("\n}\n", start);
    assertTrue(from < end, "not in the kernel");
    return PTX.substring(0, matcher.start()) + mutant.replacement() + PTX.substring(from);
  }
}
