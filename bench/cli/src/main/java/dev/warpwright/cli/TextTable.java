package dev.warpwright.cli;

import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.List;

/** A table of text with columns as wide as their longest cell. */
final class TextTable {
  private final List<String[]> rows = new ArrayList<>();
  private final String alignment;

  /**
   * A table with a header row.
   *
   * @param alignment one letter a column: l or r
   * @param header names of the columns
   */
  TextTable(String alignment, String... header) {
    this.alignment = alignment;
    row(header);
  }

  /** Adds a row. */
  TextTable row(String... cells) {
    if (cells.length != alignment.length()) {
      throw new IllegalArgumentException(cells.length + " cells, not " + alignment.length());
    }
    rows.add(cells.clone());
    return this;
  }

  /** Prints header, a line, and all rows. */
  void print(PrintWriter out) {
    int[] widths = new int[alignment.length()];
    for (String[] row : rows) {
      for (int c = 0; c < row.length; c++) {
        widths[c] = Math.max(widths[c], row[c].length());
      }
    }
    for (int r = 0; r < rows.size(); r++) {
      out.println(line(rows.get(r), widths));
      if (r == 0) {
        String[] rule = new String[widths.length];
        for (int c = 0; c < rule.length; c++) {
          rule[c] = "-".repeat(widths[c]);
        }
        out.println(line(rule, widths));
      }
    }
  }

  private String line(String[] cells, int[] widths) {
    StringBuilder line = new StringBuilder();
    for (int c = 0; c < cells.length; c++) {
      String padding = " ".repeat(widths[c] - cells[c].length());
      line.append(c == 0 ? "" : "  ");
      line.append(alignment.charAt(c) == 'r' ? padding + cells[c] : cells[c] + padding);
    }
    return line.toString().stripTrailing();
  }
}
