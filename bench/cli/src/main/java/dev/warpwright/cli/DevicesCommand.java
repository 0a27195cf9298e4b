package dev.warpwright.cli;

import dev.warpwright.Diagnostics;
import dev.warpwright.Diagnostics.ProviderReport;
import dev.warpwright.Warpwright;
import java.io.PrintWriter;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/** Lists the providers. */
@Command(
    name = "devices",
    description = "Show all providers and their devices: which is chosen, and why not the others.")
final class DevicesCommand implements Callable<Integer> {
  @Spec private CommandSpec spec = CommandSpec.create();

  @Mixin private BackendOptions backend = new BackendOptions();

  /** Called by picocli. */
  DevicesCommand() {}

  @Override
  public Integer call() {
    PrintWriter out = spec.commandLine().getOut();
    try (Warpwright ww = backend.open()) {
      Diagnostics diagnostics = ww.diagnostics();
      TextTable table = new TextTable("lll", "provider", "device", "verdict");
      for (ProviderReport provider : diagnostics.providers()) {
        String device = provider.devices().isEmpty() ? "-" : String.join("; ", provider.devices());
        table.row(provider.id(), device, provider.verdict());
      }
      table.print(out);
      for (ProviderReport provider : diagnostics.providers()) {
        for (String warning : provider.warnings()) {
          out.println("warning: " + provider.id() + ": " + warning);
        }
      }
    }
    return 0;
  }
}
