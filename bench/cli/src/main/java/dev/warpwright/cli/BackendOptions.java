package dev.warpwright.cli;

import dev.warpwright.Warpwright;
import dev.warpwright.kernels.InvalidArgumentException;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** The options that choose a backend. */
final class BackendOptions {
  @Spec(Spec.Target.MIXEE)
  private CommandSpec command = CommandSpec.create();

  @Option(
      names = "--backend",
      paramLabel = "NAME",
      defaultValue = Warpwright.AUTO,
      description = "Provider, or auto (the default) for the best that is available.")
  private String backend = Warpwright.AUTO;

  @Option(
      names = "--threads",
      paramLabel = "N",
      description = "Threads of a CPU backend; one for each processor if not given.")
  private int threads = Runtime.getRuntime().availableProcessors();

  /** Opens the backend. */
  Warpwright open() {
    try {
      return Warpwright.builder().backend(backend).threads(threads).open();
    } catch (InvalidArgumentException e) {
      throw new ParameterException(command.commandLine(), "--" + e.getMessage());
    }
  }

  /** Threads of a CPU backend. */
  int threads() {
    return threads;
  }
}
