package dev.warpwright.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.io.PrintWriter;
import java.io.StringWriter;
import org.junit.jupiter.api.Test;

class TextTableTest {
  @Test
  void alignsColumns() {
    StringWriter out = new StringWriter();
    new TextTable("lr", "name", "n")
        .row("a", "1000")
        .row("longer", "1")
        .print(new PrintWriter(out));
    assertEquals(
        """
        name       n
        ------  ----
        a       1000
        longer     1
        """,
        out.toString().replace(System.lineSeparator(), "\n"));
  }

  @Test
  void refusesRowsOfAnotherWidth() {
    TextTable table = new TextTable("lr", "name", "n");
    assertThrows(IllegalArgumentException.class, () -> table.row("a"));
  }
}
