package dev.warpwright.cli;

import java.io.PrintWriter;
import java.io.StringWriter;
import picocli.CommandLine;

/** What a command printed, and its exit code. */
record CommandRun(int exit, String out, String err) {
  /** Runs the whole command line. */
  static CommandRun of(String... arguments) {
    return of(Main.commandLine(), arguments);
  }

  /** Runs one command. */
  static CommandRun of(CommandLine command, String... arguments) {
    StringWriter out = new StringWriter();
    StringWriter err = new StringWriter();
    int exit =
        command
            .setOut(new PrintWriter(out))
            .setErr(new PrintWriter(err))
            .setColorScheme(CommandLine.Help.defaultColorScheme(CommandLine.Help.Ansi.OFF))
            .execute(arguments);
    return new CommandRun(exit, out.toString(), err.toString());
  }
}
