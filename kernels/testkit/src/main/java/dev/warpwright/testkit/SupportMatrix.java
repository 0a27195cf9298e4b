package dev.warpwright.testkit;

import dev.warpwright.kernels.KernelCatalogue;
import dev.warpwright.kernels.KernelCatalogue.Cell;
import dev.warpwright.kernels.KernelCatalogue.Part;
import dev.warpwright.kernels.KernelId;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.Map;

/** The table of kernels and providers in the README, made from the catalogue. */
public final class SupportMatrix {
  private SupportMatrix() {}

  /** Prints the table. */
  public static void main(String[] arguments) {
    System.out.print(markdown());
  }

  /** The table, with the reasons of what is missing below it. */
  public static String markdown() {
    Map<Part, String> columns = new EnumMap<>(Part.class);
    columns.put(Part.REFERENCE, "reference");
    columns.put(Part.VECTOR, "CPU");
    columns.put(Part.CUDA, "CUDA");
    columns.put(Part.TORNADO, "TornadoVM");
    columns.put(Part.BENCHMARK, "benchmark");
    StringBuilder table = new StringBuilder("| family | kernel |");
    columns.values().forEach(title -> table.append(' ').append(title).append(" |"));
    table.append("\n|---|---|").append("---|".repeat(columns.size())).append('\n');
    Map<String, Integer> notes = new LinkedHashMap<>();
    for (Map.Entry<KernelId, Map<Part, Cell>> line : KernelCatalogue.read().entrySet()) {
      KernelId kernel = line.getKey();
      table.append("| ").append(kernel.family().stem());
      table.append(" | `").append(kernel.stem()).append("` |");
      for (Part part : columns.keySet()) {
        Cell cell = line.getValue().get(part);
        String text = "yes";
        if (cell == null || !cell.built()) {
          String reason = cell == null ? "" : cell.note();
          text = "– <sup>" + notes.computeIfAbsent(reason, r -> notes.size() + 1) + "</sup>";
        }
        table.append(' ').append(text).append(" |");
      }
      table.append('\n');
    }
    table.append('\n');
    notes.forEach((reason, number) -> table.append(number + ". " + reason + "\n"));
    return table.toString();
  }
}
