package dev.warpwright.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

/** The launcher's search for a JDK, on a machine that has none but those made up here. */
@DisabledOnOs(OS.WINDOWS)
class LauncherTest {
  /** Tests run in the folder of their module. */
  private static final Path LAUNCHER = Path.of("../../warpwright").toAbsolutePath().normalize();

  @TempDir Path machine;

  private record Outcome(int exit, String out) {}

  @BeforeEach
  void installTools() throws IOException {
    Files.createDirectories(machine.resolve("bin"));
    for (String tool : List.of("dirname", "readlink", "grep")) {
      for (Path folder : List.of(Path.of("/usr/bin"), Path.of("/bin"))) {
        Path link = machine.resolve("bin").resolve(tool);
        if (Files.isExecutable(folder.resolve(tool)) && !Files.exists(link)) {
          Files.createSymbolicLink(link, folder.resolve(tool));
        }
      }
    }
  }

  /** The home of a made-up JDK. */
  private Path jdk(String home, String version) throws IOException {
    Path folder = machine.resolve(home);
    Files.createDirectories(folder.resolve("bin"));
    for (String tool : List.of("java", "javac")) {
      Path file = Files.writeString(folder.resolve("bin").resolve(tool), "#!/bin/sh\n");
      Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rwxr-xr-x"));
    }
    Files.writeString(folder.resolve("release"), "JAVA_VERSION=\"" + version + "\"\n");
    return folder;
  }

  private Outcome printJdk(Map<String, String> environment)
      throws IOException, InterruptedException {
    ProcessBuilder builder =
        new ProcessBuilder("/bin/bash", LAUNCHER.toString(), "--print-jdk")
            .redirectErrorStream(true);
    builder.environment().clear();
    builder.environment().put("PATH", machine.resolve("bin").toString());
    builder.environment().put("WARPWRIGHT_JDK_FOLDERS", machine.resolve("jvm").toString());
    builder.environment().putAll(environment);
    Process process = builder.start();
    String out = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    return new Outcome(process.waitFor(), out.strip());
  }

  @Test
  void saysWhatToDoWithoutJdk() throws Exception {
    jdk("jvm/old", "17.0.9");
    jdk("jvm/newer", "250.0.1");
    Outcome outcome = printJdk(Map.of());
    assertEquals(69, outcome.exit(), outcome::out);
    assertTrue(
        outcome.out().startsWith("warpwright: no JDK 25 found (looked at JAVA_HOME"), outcome::out);
    assertTrue(outcome.out().endsWith("Install one, or set JAVA_HOME to it."), outcome::out);
  }

  @Test
  void findsOneInAnUsualFolder() throws Exception {
    jdk("jvm/a", "17.0.9");
    Path right = jdk("jvm/b", "25.0.1");
    assertEquals(new Outcome(0, right.toString()), printJdk(Map.of()));
  }

  @Test
  void findsOneOfMacOs() throws Exception {
    Path right = jdk("jvm/x.jdk/Contents/Home", "25");
    assertEquals(new Outcome(0, right.toString()), printJdk(Map.of()));
  }

  @Test
  void prefersJavaHome() throws Exception {
    jdk("jvm/b", "25.0.1");
    Path home = jdk("home with spaces", "25.0.2");
    assertEquals(new Outcome(0, home.toString()), printJdk(Map.of("JAVA_HOME", home.toString())));
  }

  @Test
  void passesOverAJavaHomeThatIsTooOld() throws Exception {
    Path right = jdk("jvm/b", "25.0.1");
    Path home = jdk("home", "21.0.2");
    assertEquals(new Outcome(0, right.toString()), printJdk(Map.of("JAVA_HOME", home.toString())));
  }

  @Test
  void findsTheOneOnPathThroughALink() throws Exception {
    Path right = jdk("elsewhere", "25.0.1").toRealPath();
    Files.createSymbolicLink(machine.resolve("bin/java"), right.resolve("bin/java"));
    assertEquals(new Outcome(0, right.toString()), printJdk(Map.of()));
  }
}
