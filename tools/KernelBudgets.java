import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Reads what ptxas says about registers, shared memory, stack and spills of kernels, and compares
 * it with what {@code budgets.tsv} allows: a stack frame, a spill, or more than that is a fault.
 */
final class KernelBudgets {
  private static final Pattern ENTRY =
      Pattern.compile(
          "Compiling entry function '(\\w+)'.*?(\\d+) bytes stack frame, (\\d+) bytes spill stores,"
              + " (\\d+) bytes spill loads.*?Used (\\d+) registers([^\\n]*)",
          Pattern.DOTALL);
  private static final Pattern SHARED = Pattern.compile("(\\d+) bytes smem");

  /**
   * What kernels may use.
   *
   * @param pattern name of a kernel; {@code *} stands for anything
   * @param registers of a thread at most
   * @param shared bytes of static shared memory at most
   */
  private record Budget(String pattern, int registers, int shared) {
    boolean fits(String kernel) {
      return kernel.matches(pattern.replace("*", ".*"));
    }
  }

  /**
   * What a kernel uses.
   *
   * @param kernel its name
   * @param registers of a thread
   * @param shared bytes of static shared memory
   * @param stack bytes of its stack frame
   * @param spills bytes of registers that are stored and loaded
   */
  private record Use(String kernel, int registers, int shared, int stack, int spills) {
    static Use of(Matcher entry) {
      Matcher shared = SHARED.matcher(entry.group(6));
      return new Use(
          entry.group(1),
          Integer.parseInt(entry.group(5)),
          shared.find() ? Integer.parseInt(shared.group(1)) : 0,
          Integer.parseInt(entry.group(2)),
          Integer.parseInt(entry.group(3)) + Integer.parseInt(entry.group(4)));
    }

    boolean isWithin(Budget budget) {
      return registers <= budget.registers && shared <= budget.shared && stack + spills == 0;
    }

    String line(Budget allowed) {
      return String.format(
          Locale.ROOT,
          "%s\t%d\t%d\t%d\t%d\t%d\t%d\n",
          kernel,
          registers,
          allowed.registers,
          shared,
          allowed.shared,
          stack,
          spills);
    }
  }

  private final List<Budget> budgets;
  private final int architecture;
  private final Set<Budget> met = new HashSet<>();
  private final TreeMap<String, String> lines = new TreeMap<>();
  private boolean good = true;

  KernelBudgets(Path file, int architecture) throws IOException {
    this.architecture = architecture;
    budgets =
        Files.readAllLines(file).stream()
            .filter(line -> !line.startsWith("#") && !line.startsWith("kernel\t"))
            .map(line -> line.split("\t"))
            .map(cell -> new Budget(cell[0], Integer.parseInt(cell[1]), Integer.parseInt(cell[2])))
            .toList();
  }

  private void complain(String text) {
    System.err.println(text);
    good = false;
  }

  /** Adds the kernels of a source, from what ptxas said. */
  void add(Path source, String said) {
    Matcher entry = ENTRY.matcher(said);
    boolean any = false;
    while (entry.find()) {
      any = true;
      Use use = Use.of(entry);
      Optional<Budget> budget = budgets.stream().filter(b -> b.fits(use.kernel)).findFirst();
      budget.ifPresent(met::add);
      if (budget.filter(use::isWithin).isEmpty()) {
        complain(
            source
                + ": on sm_"
                + architecture
                + " "
                + use
                + "; stack and spills must be 0, and the rest within "
                + budget.map(Budget::toString).orElse("a line of budgets.tsv, where it has none"));
      }
      lines.put(use.kernel, use.line(budget.orElse(new Budget("", 0, 0))));
    }
    if (!any) {
      complain(source + ": no kernel in what ptxas said");
    }
  }

  /** Writes the table of all kernels; says no if one uses more than it may. */
  boolean report(Path table) throws IOException {
    List<Budget> unused = budgets.stream().filter(budget -> !met.contains(budget)).toList();
    if (good && !unused.isEmpty()) {
      complain("budgets.tsv has lines for kernels that do not exist: " + unused);
    }
    Files.writeString(
        table,
        "kernel\tregisters\tallowed\tshared bytes\tallowed\tstack bytes\tspill bytes\n"
            + String.join("", lines.values()));
    return good;
  }
}
