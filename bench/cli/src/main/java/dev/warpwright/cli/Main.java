package dev.warpwright.cli;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.NoSuchFileException;
import java.util.Objects;
import java.util.Properties;
import java.util.logging.Level;
import java.util.logging.Logger;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.IVersionProvider;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ScopeType;
import picocli.CommandLine.Spec;

/** The {@code warpwright} command. */
@Command(
    name = "warpwright",
    description = "GPU compute kernels for Java.",
    mixinStandardHelpOptions = true,
    scope = ScopeType.INHERIT,
    versionProvider = Main.Version.class,
    subcommands = {
      DemoCommand.class,
      EvictCommand.class,
      ReuseCommand.class,
      VerifyCommand.class,
      DevicesCommand.class,
      CommandLine.HelpCommand.class
    },
    exitCodeListHeading = "%nExit codes:%n",
    exitCodeList = {
      "0:done",
      "1:failed, or verify found a violation",
      "2:wrong use of the command line",
      "69:no JDK 25"
    })
public final class Main implements Runnable {
  /** Kept here because the logging framework forgets loggers that nobody holds. */
  private static final Logger CHOICES = Logger.getLogger("dev.warpwright");

  private static final Logger LEAKS = Logger.getLogger("dev.warpwright.leaks");

  @Spec private CommandSpec spec = CommandSpec.create();

  @Option(
      names = "--verbose",
      scope = ScopeType.INHERIT,
      description = "Print stack traces of errors and the library's log.")
  private boolean verbose;

  /** Called by picocli. */
  public Main() {}

  /** Starts the command line and ends the JVM with its exit code. */
  public static void main(String[] args) {
    System.exit(commandLine().execute(args));
  }

  /** The command line as {@link #main} runs it. */
  static CommandLine commandLine() {
    Main main = new Main();
    return new CommandLine(main)
        .setExecutionStrategy(
            parsed -> {
              main.quietLog();
              return new CommandLine.RunLast().execute(parsed);
            })
        .setExecutionExceptionHandler(
            (e, command, parsed) -> {
              command.getErr().println("warpwright: " + message(e));
              if (main.verbose) {
                e.printStackTrace(command.getErr());
              } else if (isUnexpected(e)) {
                command.getErr().println("This should not happen; --verbose says where it did.");
              }
              return 1;
            });
  }

  /** The commands say themselves which backend they use; leaks are told always. */
  private void quietLog() {
    CHOICES.setLevel(verbose ? Level.ALL : Level.SEVERE);
    LEAKS.setLevel(Level.WARNING);
  }

  /** Errors of the kind that users cause have a message that says all. */
  private static boolean isUnexpected(Exception e) {
    return !(e instanceof IOException || e instanceof IllegalArgumentException)
        && !e.getClass().getName().startsWith("dev.warpwright.");
  }

  private static String message(Exception e) {
    return switch (e) {
      case NoSuchFileException file -> "no such file or folder: " + file.getMessage();
      case AccessDeniedException file -> "may not be read or written: " + file.getMessage();
      default -> e.getMessage() == null || isUnexpected(e) ? e.toString() : e.getMessage();
    };
  }

  @Override
  public void run() {
    spec.commandLine().usage(spec.commandLine().getOut());
  }

  /** Reads the version that the build wrote beside this class. */
  static final class Version implements IVersionProvider {
    @Override
    public String[] getVersion() {
      Properties properties = new Properties();
      try (InputStream in =
          Objects.requireNonNull(Main.class.getResourceAsStream("version.properties"))) {
        properties.load(in);
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
      return new String[] {
        "warpwright " + properties.getProperty("version"),
        "Java " + Runtime.version() + " on " + System.getProperty("os.arch")
      };
    }
  }
}
