package dev.warpwright.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.warpwright.cuda.Costs.Line;
import dev.warpwright.kernels.KernelId;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Locale;
import java.util.Set;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

class CostsTest {
  @Test
  void everyKernelHasBounds() {
    Set<String> bounded = Costs.read().stream().map(Line::kernel).collect(Collectors.toSet());
    Kernels.built()
        .forEach(
            contract ->
                assertTrue(
                    bounded.contains(contract.kernel().name().toLowerCase(Locale.ROOT)),
                    contract.kernel() + " is not in costs.tsv"));
    Set<String> known =
        Arrays.stream(KernelId.values())
            .map(kernel -> kernel.name().toLowerCase(Locale.ROOT))
            .collect(Collectors.toSet());
    assertTrue(known.containsAll(bounded), bounded.toString());
  }

  /** A looser bound says why, and only that. */
  @Test
  void looserBoundsHaveReasons() {
    for (Line line : Costs.read()) {
      boolean loose =
          line.unique() > Costs.UNIQUE
              || line.requested() > Costs.REQUESTED
              || line.conflicts() > Costs.CONFLICTS;
      assertEquals(loose, !line.reason().isEmpty(), line.toString());
    }
  }

  @Test
  void theReadmeHasTheTable() throws IOException {
    String readme = Files.readString(Path.of("README.md")).replace("\r\n", "\n");
    assertTrue(readme.contains(Costs.table()), () -> "README.md needs\n" + Costs.table());
  }
}
