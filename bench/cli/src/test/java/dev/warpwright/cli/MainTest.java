package dev.warpwright.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class MainTest {

  @Test
  void versionComesFromTheBuild() {
    CommandRun run = CommandRun.of("--version");
    assertEquals(0, run.exit());
    assertTrue(run.out().matches("(?s)warpwright \\d+\\.\\d+.*"), run::out);
  }

  @ParameterizedTest
  @ValueSource(strings = {"demo", "verify", "devices"})
  void everyCommandHasHelp(String command) {
    CommandRun run = CommandRun.of("help", command);
    assertEquals(0, run.exit());
    assertTrue(run.out().startsWith("Usage: warpwright " + command), run::out);
    assertEquals(run.out(), CommandRun.of(command, "--help").out());
  }

  @Test
  void withoutCommandItPrintsItsUse() {
    CommandRun run = CommandRun.of();
    assertEquals(0, run.exit());
    assertTrue(run.out().contains("demo"), run::out);
  }

  @Test
  void devicesSaysWhatIsChosenAndWhyNotTheOthers() {
    CommandRun run = CommandRun.of("devices", "--backend", "reference", "--threads", "1");
    assertEquals(0, run.exit(), run::err);
    assertTrue(run.out().matches("(?s).*reference +scalar reference +chosen.*"), run::out);
    assertTrue(run.out().matches("(?s).*cpu .*available, not asked for.*"), run::out);
  }

  @Test
  void anUnknownBackendIsWrongUse() {
    CommandRun run = CommandRun.of("devices", "--backend", "abacus");
    assertEquals(2, run.exit());
    assertTrue(run.err().startsWith("--backend is abacus; allowed: auto or one of"), run::err);
  }

  @Test
  void threadsAreChecked() {
    CommandRun run = CommandRun.of("devices", "--threads", "0");
    assertEquals(2, run.exit());
    assertTrue(run.err().startsWith("--threads is 0; allowed: 1..1024"), run::err);
  }

  @Test
  void errorsAreOneLineUnlessVerbose(@TempDir Path folder) {
    String missing = folder.resolve("nothing").toString();
    CommandRun run = CommandRun.of("demo", "--model", missing);
    assertEquals(1, run.exit());
    assertEquals(1, run.err().lines().count(), run::err);
    assertTrue(run.err().startsWith("warpwright: no such file or folder: " + missing), run::err);
    CommandRun verbose = CommandRun.of("demo", "--model", missing, "--verbose");
    assertEquals(1, verbose.exit());
    assertTrue(verbose.err().contains("\tat "), verbose::err);
    assertFalse(run.err().contains("\tat "), run::err);
  }
}
