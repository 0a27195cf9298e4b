package dev.warpwright.tornado;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import org.junit.jupiter.api.Test;

class SignalChainingTest {
  @Test
  void theTestsChain() {
    assertEquals(List.of(), Installation.probe().warnings());
  }

  @Test
  void withoutTheLibraryTheRemedyIsSaid() {
    List<String> warnings =
        SignalChaining.warnings("7f00-7f01 r-xp 0 08:01 1 /usr/lib/libc.so.6\n");
    assertEquals(1, warnings.size());
    assertTrue(warnings.getFirst().contains("LD_PRELOAD="), warnings::getFirst);
  }

  @Test
  void otherBackendsDoNotNeedIt() {
    assertEquals(List.of(), SignalChaining.warnings(List.of("PTX 0:0 a device (GPU)")));
  }
}
