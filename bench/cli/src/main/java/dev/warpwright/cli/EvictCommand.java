package dev.warpwright.cli;

import dev.warpwright.Warpwright;
import dev.warpwright.cli.model.Model;
import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.Support;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** Compares eviction policies on a real model. */
@Command(
    name = "evict",
    description = {
      "Read real text with a cache that is kept small, by each eviction policy, and compare how well"
          + " the model still predicts.",
      "The model and the text are in the distribution; nothing is downloaded."
    })
final class EvictCommand implements Callable<Integer> {
  @Spec private CommandSpec spec = CommandSpec.create();

  @Mixin private BackendOptions backend = new BackendOptions();

  @Mixin private ModelOptions model = new ModelOptions();

  @Option(
      names = "--windows",
      paramLabel = "N",
      defaultValue = "8",
      description = "How many windows of the text are read, by default ${DEFAULT-VALUE}.")
  private int windows;

  @Option(
      names = "--budgets",
      paramLabel = "N",
      split = ",",
      defaultValue = "32,64,128,256",
      description =
          "Slots that a row keeps on average, or that a token looks into, by default"
              + " ${DEFAULT-VALUE}.")
  private int[] budgets = {};

  @Option(names = "--json", paramLabel = "FILE", description = "Also write the results here.")
  private @Nullable Path json;

  /** Called by picocli. */
  EvictCommand() {}

  @Override
  public Integer call() throws IOException {
    if (windows < 1 || windows > 64) {
      throw wrong("--windows", "" + windows, "1..64");
    }
    if (Arrays.stream(budgets).anyMatch(budget -> budget < 4)) {
      throw wrong("--budgets", Arrays.toString(budgets), "at least 4 each");
    }
    DType kv = model.kv();
    PrintWriter out = spec.commandLine().getOut();
    try (Warpwright ww = backend.open();
        Model opened = model.open()) {
      out.println("Backend: " + ww.diagnostics());
      out.println("Model:   " + opened.name());
      out.println();
      out.flush();
      EvictionComparison comparison = new EvictionComparison(ww, opened, model.text(), windows, kv);
      if (comparison.windows() == 0) {
        throw wrong("--text", "too short", "at least " + EvictionComparison.SHORTEST + " tokens");
      }
      Support support = comparison.support();
      if (!support.supported()) {
        spec.commandLine().getErr().println("warpwright: no eviction here: " + support.reason());
        return 1;
      }
      List<EvictionComparison.Row> rows = comparison.run(budgets);
      comparison.print(out, rows);
      if (json != null) {
        JsonReport.write(json, rows);
      }
      return 0;
    }
  }

  private ParameterException wrong(String option, String value, String allowed) {
    return new ParameterException(
        spec.commandLine(), option + " is " + value + "; allowed: " + allowed);
  }
}
