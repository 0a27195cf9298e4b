package dev.warpwright.cuda;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Objects;

/** The bounds that kernels are held to: {@code costs.tsv}. */
final class Costs {
  /** What memory delivers, beside the bytes of the operands. */
  static final double UNIQUE = 1.10;

  /** What the second-level cache is asked for. */
  static final double REQUESTED = 1.6;

  /** Bank conflicts, as a part of the passes over shared memory. */
  static final double CONFLICTS = 0.05;

  private static final int COLUMNS = 7;

  private Costs() {}

  /**
   * A line.
   *
   * @param kernel stem of the kernel
   * @param situation what is measured, or nothing
   * @param unique most bytes in distinct sectors, beside those of the operands
   * @param requested most bytes in sectors that instructions ask for
   * @param conflicts most bank conflicts, as a part of the passes over shared memory
   * @param wide least part of the bytes that accesses of 16 bytes a lane move
   * @param reason why a bound is not the usual one
   */
  record Line(
      String kernel,
      String situation,
      double unique,
      double requested,
      double conflicts,
      double wide,
      String reason) {}

  /** All lines. */
  static List<Line> read() {
    try (InputStream in = Costs.class.getResourceAsStream("costs.tsv")) {
      String text = new String(Objects.requireNonNull(in).readAllBytes(), StandardCharsets.UTF_8);
      return text.lines().skip(1).map(Costs::line).toList();
    } catch (IOException e) {
      throw new IllegalStateException(e);
    }
  }

  private static Line line(String text) {
    String[] cells = text.split("\t", COLUMNS);
    return new Line(
        cells[0],
        cells[1],
        Double.parseDouble(cells[2]),
        Double.parseDouble(cells[3]),
        Double.parseDouble(cells[4]),
        Double.parseDouble(cells[5]),
        cells[6]);
  }

  /** The line of a kernel. */
  static Line of(String kernel, String situation) {
    return read().stream()
        .filter(line -> line.kernel.equals(kernel) && line.situation.equals(situation))
        .findFirst()
        .orElseThrow();
  }

  /** The table of the README. */
  static String table() {
    StringBuilder table =
        new StringBuilder("| kernel | unique | requested | conflicts | 16 bytes a lane | why |\n")
            .append("|---|---|---|---|---|---|\n");
    for (Line line : read()) {
      table.append("| `").append(line.kernel).append('`');
      table.append(line.situation.isEmpty() ? "" : ", " + line.situation);
      table.append(" | ").append(line.unique).append(" | ").append(line.requested);
      table
          .append(" | ")
          .append(line.conflicts)
          .append(" | ")
          .append(line.wide)
          .append(" | ")
          .append(line.reason)
          .append(" |\n");
    }
    return table.toString();
  }
}
