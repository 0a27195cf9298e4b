package dev.warpwright.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.PrintWriter;
import java.io.StringWriter;
import org.junit.jupiter.api.Test;
import picocli.CommandLine;

class MainTest {

  @Test
  void versionComesFromTheBuild() {
    StringWriter out = new StringWriter();
    int exit = new CommandLine(new Main()).setOut(new PrintWriter(out)).execute("--version");
    assertEquals(0, exit);
    assertTrue(out.toString().matches("(?s)warpwright \\d+\\.\\d+.*"), out::toString);
  }
}
