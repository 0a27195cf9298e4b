package dev.warpwright.testkit;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.io.InputStream;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class GuardPagesTest {
  @TempDir Path folder;

  @Test
  void insideCanBeUsed() {
    assumeTrue(GuardPages.available());
    try (Arena arena = Arena.ofShared()) {
      MemorySegment memory = GuardPages.allocate(arena, 100_000);
      memory.fill((byte) 7);
      assertEquals(7, memory.get(ValueLayout.JAVA_BYTE, memory.byteSize() - 1));
    }
  }

  /** A JVM that touches one byte too much dies between its two lines of output. */
  @ParameterizedTest
  @ValueSource(strings = {"read before", "read behind", "write before", "write behind"})
  void outsideCrashes(String access) throws IOException, InterruptedException {
    assumeTrue(GuardPages.available());
    Process child =
        new ProcessBuilder(
                ProcessHandle.current().info().command().orElseThrow(),
                "-XX:-CreateCoredumpOnCrash",
                "-XX:ErrorFile=" + folder.resolve("crash.log"),
                "--enable-native-access=ALL-UNNAMED",
                "-cp",
                System.getProperty("java.class.path"),
                Overrun.class.getName(),
                access)
            .redirectErrorStream(true)
            .start();
    String output;
    try (InputStream in = child.getInputStream()) {
      output = new String(in.readAllBytes(), StandardCharsets.UTF_8);
    }
    assertNotEquals(0, child.waitFor(), output);
    assertTrue(output.contains("inside is fine"), output);
    assertTrue(!output.contains("outside is fine"), output);
  }

  /** What native code without bounds checks would do. */
  static final class Overrun {
    public static void main(String[] arguments) {
      String access = arguments[0];
      MemorySegment memory = GuardPages.allocate(Arena.global(), 1000);
      long from = memory.address();
      long at = access.endsWith("before") ? from - 1 : from + memory.byteSize();
      memory.fill((byte) 1);
      System.out.println("inside is fine");
      MemorySegment unchecked = MemorySegment.ofAddress(at).reinterpret(1);
      if (access.startsWith("read")) {
        System.out.println(unchecked.get(ValueLayout.JAVA_BYTE, 0));
      } else {
        unchecked.set(ValueLayout.JAVA_BYTE, 0, (byte) 1);
      }
      System.out.println("outside is fine");
    }
  }
}
