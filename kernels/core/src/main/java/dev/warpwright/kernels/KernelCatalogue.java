package dev.warpwright.kernels;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;

/**
 * What is built of each kernel: {@code catalogue.tsv} beside this class. A cell is {@code yes},
 * {@code yes: ClassName} where the class is not named by the kernel's stem, or {@code later:
 * reason}.
 */
public final class KernelCatalogue {
  private static final String FILE = "catalogue.tsv";

  private KernelCatalogue() {}

  /** What there may be of a kernel, in the order of the file's columns. */
  public enum Part {
    /** The contract class. */
    CONTRACT,
    /** The scalar reference. */
    REFERENCE,
    /** The CPU path on the Vector API. */
    VECTOR,
    /** The CUDA kernel. */
    CUDA,
    /** The TornadoVM kernel. */
    TORNADO,
    /** The contract test. */
    TEST,
    /** The benchmark. */
    BENCHMARK
  }

  /**
   * Whether a part of a kernel exists.
   *
   * @param built whether it does
   * @param note the name of its class where that is not the stem's, or why it does not exist yet
   */
  public record Cell(boolean built, String note) {
    static Cell parse(String text) {
      if (text.equals("yes")) {
        return new Cell(true, "");
      }
      int colon = text.indexOf(": ");
      String state = text.substring(0, Math.max(colon, 0));
      String note = text.substring(colon + 2);
      if (note.isEmpty() || !(state.equals("yes") || state.equals("later"))) {
        throw new IllegalStateException(FILE + ": \"" + text + "\" is not a cell");
      }
      return new Cell(state.equals("yes"), note);
    }
  }

  /** Reads all kernels, in the order of the file, which must name each kernel once. */
  public static Map<KernelId, Map<Part, Cell>> read() {
    try (InputStream in = KernelCatalogue.class.getResourceAsStream(FILE)) {
      String text = new String(Checks.notNull(FILE, in).readAllBytes(), StandardCharsets.UTF_8);
      return parse(text.lines().toList());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  static Map<KernelId, Map<Part, Cell>> parse(List<String> lines) {
    Map<KernelId, Map<Part, Cell>> kernels = new EnumMap<>(KernelId.class);
    for (String line : lines.subList(1, lines.size())) {
      List<String> cells = new ArrayList<>(List.of(line.split("\t", -1)));
      KernelId kernel = KernelId.valueOf(cells.removeFirst());
      String family = cells.removeFirst();
      if (!family.equals(kernel.family().stem()) || cells.size() != Part.values().length) {
        throw new IllegalStateException(FILE + ": wrong family or number of cells: " + line);
      }
      Map<Part, Cell> parts = new EnumMap<>(Part.class);
      for (Part part : Part.values()) {
        parts.put(part, Cell.parse(cells.removeFirst()));
      }
      if (kernels.put(kernel, parts) != null) {
        throw new IllegalStateException(FILE + ": " + kernel + " has two lines");
      }
    }
    return kernels;
  }
}
